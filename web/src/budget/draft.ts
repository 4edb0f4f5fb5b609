// Unsaved changes of the budget form, kept in this tab, so that an expired token does not lose them.
import { session } from "../app/session";
import type { BudgetForm } from "./form";

type Draft = Partial<BudgetForm>;

const keyOf = (user: string): string =>
  `cost-analytics.budget-draft.${session.claims?.user ?? ""}.${user}`;

/** Keeps the fields that differ from the saved budget; forgets the draft if none does. */
export function keepDraft(user: string, form: BudgetForm, before: BudgetForm): void {
  if (!session.claims) return;
  const changed = Object.entries(form).filter(
    ([name, value]) => value !== before[name as keyof BudgetForm],
  );
  if (changed.length)
    sessionStorage.setItem(keyOf(user), JSON.stringify(Object.fromEntries(changed)));
  else sessionStorage.removeItem(keyOf(user));
}

/** Returns the draft of a user's budget, of the same signed-in user; null if there is none. */
export function readDraft(user: string): Draft | null {
  const text = sessionStorage.getItem(keyOf(user));
  return text === null ? null : (JSON.parse(text) as Draft);
}
