// The forms of the balance card: text as typed, checked in words before it is sent. Amounts are sent
// as the typed digits, so nothing is rounded.
import type { Credit, CreditChange, GrantRequest } from "../api/bodies";
import { nano } from "../format/decimal";

export const PRIORITY = 100;
export const REASON_MAX = 255;
const PRIORITY_MAX = 1000;
const AMOUNT_MAX = 1_000_000_000n * 1_000_000_000n;
const DECIMALS_MAX = 9;
const AMOUNTS_MAX = 20;
const DAYS_MAX = 90;

export interface GrantForm {
  amount: string;
  /** Local time, as a `datetime-local` field has it; empty for no expiry. */
  expires: string;
  priority: string;
  reason: string;
}

export interface WarningForm {
  /** Amounts, separated by commas. */
  amounts: string;
  /** Empty for none. */
  days: string;
}

export type Problems<T> = Partial<Record<keyof T, string>>;

export const emptyGrant = (): GrantForm => ({
  amount: "",
  expires: "",
  priority: String(PRIORITY),
  reason: "",
});

/** An amount as digits: `$1,000.50` is `1000.50`. */
export const digitsOf = (typed: string): string =>
  typed
    .trim()
    .replace(/^\$\s*/, "")
    .replace(/(\d),(?=\d{3}(\D|$))/g, "$1");

function amountProblem(digits: string): string | null {
  const match = /^\d+(?:\.(\d+))?$/.exec(digits);
  if (!match) return "Enter an amount in dollars, such as 50 or 50.25.";
  if ((match[1] ?? "").length > DECIMALS_MAX) return `Use at most ${DECIMALS_MAX} decimals.`;
  return nano(digits) > AMOUNT_MAX ? "An amount can be at most $1,000,000,000." : null;
}

/** Returns what is wrong with a grant, by field, in words. */
export function grantProblems(form: GrantForm, nowMs: number): Problems<GrantForm> {
  const problems: Problems<GrantForm> = {};
  const digits = digitsOf(form.amount);
  const problem = amountProblem(digits);
  if (problem) problems.amount = problem;
  else if (nano(digits) === 0n) problems.amount = "A grant must be above $0.";
  if (form.expires && !(Date.parse(form.expires) > nowMs))
    problems.expires = "Choose a time in the future, or leave it empty.";
  if (!/^\d{1,4}$/.test(form.priority.trim()) || Number(form.priority) > PRIORITY_MAX)
    problems.priority = `Enter a whole number from 0 to ${PRIORITY_MAX}.`;
  if (!form.reason.trim()) problems.reason = "Enter a reason, such as the number of an invoice.";
  return problems;
}

/** Returns the body of a grant without problems. */
export function grantBody(userId: string, form: GrantForm): GrantRequest {
  const body: GrantRequest = {
    userId,
    amount: digitsOf(form.amount),
    priority: Number(form.priority),
    note: form.reason.trim(),
  };
  if (form.expires) body.expiresAt = new Date(form.expires).toISOString();
  return body;
}

/** A random key: a repeated request with it is the same grant. */
export function newKey(): string {
  const bytes = crypto.getRandomValues(new Uint8Array(16));
  return [...bytes].map((byte) => byte.toString(16).padStart(2, "0")).join("");
}

export const warningsOf = (credit: Credit): WarningForm => ({
  amounts: credit.lowBalance_usd.join(", "),
  days: credit.lowBalanceDays === null ? "" : String(credit.lowBalanceDays),
});

// A comma separates amounts, so none has a comma itself.
const amountsOf = (typed: string): string[] => typed.split(/[\s,;$]+/).filter(Boolean);

/** Returns what is wrong with the typed warnings, by field, in words. */
export function warningProblems(form: WarningForm): Problems<WarningForm> {
  const problems: Problems<WarningForm> = {};
  const amounts = amountsOf(form.amounts);
  if (amounts.some((amount) => amountProblem(amount) ?? /^0\d/.test(amount)))
    problems.amounts = "Enter amounts separated by commas, such as 25, 1000.";
  else if (amounts.length > AMOUNTS_MAX) problems.amounts = `Enter at most ${AMOUNTS_MAX} amounts.`;
  const days = form.days.trim();
  if (days && !(/^\d{1,2}$/.test(days) && Number(days) >= 1 && Number(days) <= DAYS_MAX))
    problems.days = `Enter whole days from 1 to ${DAYS_MAX}, or leave it empty.`;
  return problems;
}

/** Returns the body of warnings without problems. */
export const warningBody = (form: WarningForm): CreditChange => ({
  lowBalance_usd: amountsOf(form.amounts),
  lowBalanceDays: form.days.trim() ? Number(form.days) : null,
});
