// The fields of the balance card's forms, as typed: their checks, and the requests they become.
import type { Credit, CreditChange, GrantRequest } from "../api/bodies";
import { nano } from "../format/decimal";
import { amountDigits, amountProblem } from "../format/typed-amount";

export const DEFAULT_PRIORITY = 100;
export const REASON_MAX = 255;
const PRIORITY_MAX = 1000;
const AMOUNTS_MAX = 20;
const DAYS_MAX = 90;

export interface GrantFields {
  amount: string;
  /** Local time, as a `datetime-local` field has it; empty for no expiry. */
  expires: string;
  priority: string;
  reason: string;
}

export interface LowBalanceFields {
  /** Balances, separated by commas. */
  amounts: string;
  /** Empty for no alert. */
  days: string;
}

type Problems<T> = Partial<Record<keyof T, string>>;

export const emptyGrant = (): GrantFields => ({
  amount: "",
  expires: "",
  priority: String(DEFAULT_PRIORITY),
  reason: "",
});

/** Returns what is wrong with a grant, by field. */
export function grantProblems(form: GrantFields, nowMs: number): Problems<GrantFields> {
  const problems: Problems<GrantFields> = {};
  const digits = amountDigits(form.amount);
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

/** Returns the body of a grant; the form must have no problems. */
export function grantBody(userId: string, form: GrantFields): GrantRequest {
  const body: GrantRequest = {
    userId,
    amount: amountDigits(form.amount),
    priority: Number(form.priority),
    note: form.reason.trim(),
  };
  if (form.expires) body.expiresAt = new Date(form.expires).toISOString();
  return body;
}

/** Returns a random key: requests with the same key are one grant. */
export function newIdempotencyKey(): string {
  const bytes = crypto.getRandomValues(new Uint8Array(16));
  return [...bytes].map((byte) => byte.toString(16).padStart(2, "0")).join("");
}

export const lowBalanceFields = (credit: Credit): LowBalanceFields => ({
  amounts: credit.lowBalance_usd.join(", "),
  days: credit.lowBalanceDays === null ? "" : String(credit.lowBalanceDays),
});

// A comma separates amounts, so it can't be part of one.
const amountsOf = (typed: string): string[] => typed.split(/[\s,;$]+/).filter(Boolean);

/** Returns what is wrong with the form, by field. */
export function lowBalanceProblems(form: LowBalanceFields): Problems<LowBalanceFields> {
  const problems: Problems<LowBalanceFields> = {};
  const amounts = amountsOf(form.amounts);
  if (amounts.some((amount) => amountProblem(amount) ?? /^0\d/.test(amount)))
    problems.amounts = "Enter amounts separated by commas, such as 25, 1000.";
  else if (amounts.length > AMOUNTS_MAX) problems.amounts = `Enter at most ${AMOUNTS_MAX} amounts.`;
  const days = form.days.trim();
  if (days && !(/^\d{1,2}$/.test(days) && Number(days) >= 1 && Number(days) <= DAYS_MAX))
    problems.days = `Enter whole days from 1 to ${DAYS_MAX}, or leave it empty.`;
  return problems;
}

/** Returns the body of a change; the form must have no problems. */
export const lowBalanceBody = (form: LowBalanceFields): CreditChange => ({
  lowBalance_usd: amountsOf(form.amounts),
  lowBalanceDays: form.days.trim() ? Number(form.days) : null,
});
