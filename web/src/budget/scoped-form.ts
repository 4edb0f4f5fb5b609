// The fields of the form of a scoped budget, as typed: their checks, and the request they become.
import type { ScopedBudget, WantedBudget, WantedGlobalBudget } from "../api/bodies";
import { nano } from "../format/decimal";
import { amountDigits, amountProblem } from "../format/typed-amount";
import { thresholdsOf, thresholdsProblem, withoutHundred } from "./form";

export interface ScopedForm {
  kind: ScopedBudget["scope"]["kind"];
  key: string;
  value: string;
  period: WantedBudget["period"];
  limit: string;
  thresholds: string;
  autoCutoff: boolean;
  /** Not shown in the form; sent as they are. */
  callSteps?: WantedBudget["callSteps"];
  /** The raised limit; empty for none. */
  raise: string;
  /** When the raise ends: local time, as a `datetime-local` field has it. */
  until: string;
}

const MISSING_VALUES: Partial<Record<ScopedForm["kind"], string>> = {
  tag: "Enter the tag's value.",
  persona: "Enter a persona.",
  service: "Enter a service, such as twilio.",
};

export type ScopedField = keyof ScopedForm;

export function emptyForm(kind: ScopedForm["kind"] = "tag"): ScopedForm {
  return {
    kind,
    key: "",
    value: "",
    period: "month",
    limit: "",
    thresholds: "80",
    autoCutoff: true,
    raise: "",
    until: "",
  };
}

export function formOfBudget(budget: ScopedBudget): ScopedForm {
  const { kind, key, value } = budget.scope;
  return {
    kind,
    key: key ?? "",
    value: value ?? "",
    period: budget.period,
    limit: budget.limit_usd,
    thresholds: withoutHundred(budget.thresholds).join(", "),
    autoCutoff: budget.autoCutoff,
    ...(budget.period === "call" ? { callSteps: budget.callSteps } : {}),
    raise: budget.raise?.limit_usd ?? "",
    until: budget.raise ? localTime(new Date(budget.raise.until)) : "",
  };
}

/** Returns the body of a user's budget; the form must have no problems. */
export function bodyOf(form: ScopedForm): WantedBudget {
  const kind = form.kind === "tag" || form.kind === "persona" ? form.kind : "user";
  const scope: WantedBudget["scope"] = { kind };
  if (kind === "tag") scope.key = form.key.trim();
  if (kind !== "user") scope.value = form.value.trim();
  return {
    ...limitsOf(form),
    scope,
    period: form.period,
    autoCutoff: form.autoCutoff,
    ...(form.period === "call" && form.callSteps ? { callSteps: form.callSteps } : {}),
  };
}

/** Returns the body of a budget of all users; the form must have no problems. */
export function globalBodyOf(form: ScopedForm): WantedGlobalBudget {
  // Such a budget has no limit per call; the form does not offer it.
  const period = form.period === "call" ? "day" : form.period;
  return { ...limitsOf(form), scope: globalScopeOf(form), period };
}

function globalScopeOf({ kind, key, value }: ScopedForm): NonNullable<WantedGlobalBudget["scope"]> {
  if (kind === "tag") return { kind, key: key.trim(), value: value.trim() };
  // Service ids are in lower case.
  return kind === "service" ? { kind, value: value.trim().toLowerCase() } : { kind: "all" };
}

function limitsOf(form: ScopedForm): Pick<WantedBudget, "limit_usd" | "thresholds" | "raise"> {
  const raise = amountDigits(form.raise);
  return {
    limit_usd: amountDigits(form.limit),
    thresholds: withoutHundred(thresholdsOf(form.thresholds)),
    raise: raise ? { limit_usd: raise, until: new Date(form.until).toISOString() } : null,
  };
}

/** Returns what is wrong with the form, by field. */
export function scopedProblems(form: ScopedForm): Partial<Record<ScopedField, string>> {
  const problems: Partial<Record<ScopedField, string>> = {};
  if (form.kind === "tag" && !/^[a-z][a-z0-9_]{0,39}$/.test(form.key.trim()))
    problems.key = "Enter the key of a tag, such as customer.";
  const missing = MISSING_VALUES[form.kind];
  if (missing && !form.value.trim()) problems.value = missing;
  const limit = amountDigits(form.limit);
  const limitProblem = limit ? amountProblem(limit) : "Enter a limit.";
  if (limitProblem) problems.limit = limitProblem;
  const thresholds = thresholdsProblem(thresholdsOf(form.thresholds));
  if (thresholds) problems.thresholds = thresholds;
  const raise = amountDigits(form.raise);
  if (!raise) return problems;
  const raiseProblem = amountProblem(raise);
  if (raiseProblem) problems.raise = raiseProblem;
  else if (!limitProblem && nano(raise) <= nano(limit))
    problems.raise = "A raised limit must be above the limit.";
  if (!(Date.parse(form.until) > Date.now())) problems.until = "Choose a time in the future.";
  return problems;
}

function localTime(at: Date): string {
  const shifted = new Date(at.getTime() - at.getTimezoneOffset() * 60_000);
  return shifted.toISOString().slice(0, 16);
}
