// Unsaved changes of the budget form, kept in the tab, so that they survive an expired token.
import { session } from "../app/session";
import type { BudgetForm } from "./form";

type Draft = Partial<BudgetForm>;

const keyOf = (user: string): string =>
  `cost-analytics.budget-draft.${session.claims?.user ?? ""}.${user}`;

/** Keeps the fields that differ from the saved budget; forgets the draft if none does. */
export function keepDraft(user: string, form: BudgetForm, saved: BudgetForm): void {
  if (!session.claims) return;
  const changed = Object.entries(form).filter(
    ([name, value]) => value !== saved[name as keyof BudgetForm],
  );
  if (changed.length)
    sessionStorage.setItem(keyOf(user), JSON.stringify(Object.fromEntries(changed)));
  else forgetDraft(user);
}

export function forgetDraft(user: string): void {
  sessionStorage.removeItem(keyOf(user));
}

/** Returns the signed-in user's draft for the budget of `user`; null if there is none. */
export function readDraft(user: string): Draft | null {
  const text = sessionStorage.getItem(keyOf(user));
  return text === null ? null : (JSON.parse(text) as Draft);
}
