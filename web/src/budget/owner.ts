// The scoped budgets of a user or of all users: their texts, choices and requests.
import type { ListedAlert, ScopedBudget } from "../api/bodies";
import {
  createBudget,
  createGlobalBudget,
  deleteBudget,
  deleteGlobalBudget,
  listBudgets,
  listGlobalBudgets,
  replaceBudget,
  replaceGlobalBudget,
} from "../api/routes";
import { bodyOf, globalBodyOf, type ScopedForm } from "./scoped-form";

export interface BudgetOwner {
  /** The card's title. */
  title: string;
  emptyTitle: string;
  emptyText: string;
  /** Labels of what a budget can apply to; a new budget begins with the first one. */
  kinds: Partial<Record<ScopedForm["kind"], string>>;
  periods: Partial<Record<ScopedForm["period"], string>>;
  list: (signal: AbortSignal) => Promise<BudgetList>;
  /** Creates a budget, or replaces the one with this id. */
  save: (form: ScopedForm, budgetId: string | null) => Promise<ScopedBudget>;
  remove: (budgetId: string) => Promise<unknown>;
}

interface BudgetList {
  budgets: ScopedBudget[];
  budgetsMax: string;
  /** Only for budgets of all users: those of a user are on the user's page. */
  alerts?: ListedAlert[];
}

export function budgetsOfUser(user: string): BudgetOwner {
  return {
    title: "Scoped budgets",
    emptyTitle: "No scoped budgets",
    emptyText: "Limit what calls with a tag or a persona cost by day, week, month or call.",
    kinds: { tag: "Calls with a tag", persona: "Calls with a persona", user: "All calls" },
    periods: { day: "Day", week: "Week, from Monday", month: "Month", call: "Each call" },
    list: (signal) => listBudgets(user, signal),
    save: (form, budgetId) =>
      budgetId === null
        ? createBudget(user, bodyOf(form))
        : replaceBudget(user, budgetId, bodyOf(form)),
    remove: (budgetId) => deleteBudget(user, budgetId),
  };
}

export const BUDGETS_OF_ALL_USERS: BudgetOwner = {
  title: "Budgets of all users",
  emptyTitle: "No budgets of all users",
  emptyText: "Limit what all users spend together, or what a service or calls with a tag cost.",
  kinds: { all: "All users", service: "A service", tag: "Calls with a tag" },
  periods: { day: "Day (UTC)", week: "Week, from Monday (UTC)", month: "Month (UTC)" },
  list: (signal) => listGlobalBudgets(signal),
  save: (form, budgetId) =>
    budgetId === null
      ? createGlobalBudget(globalBodyOf(form))
      : replaceGlobalBudget(budgetId, globalBodyOf(form)),
  remove: (budgetId) => deleteGlobalBudget(budgetId),
};
