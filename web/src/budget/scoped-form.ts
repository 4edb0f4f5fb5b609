// The form of a further budget: text as typed, checked in words before it is sent.
import type { ScopedBudget, WantedBudget, WantedGlobalBudget } from "../api/bodies";
import { nano } from "../format/decimal";
import { amount, amountProblem, marksOf, marksProblem } from "./form";

export interface ScopedForm {
  kind: ScopedBudget["scope"]["kind"];
  key: string;
  value: string;
  period: WantedBudget["period"];
  limit: string;
  thresholds: string;
  autoCutoff: boolean;
  /** Not in the form: kept as they are. */
  callSteps?: WantedBudget["callSteps"];
  raise: string;
  /** Local time, as a `datetime-local` field has it. */
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
    thresholds: budget.thresholds.filter((mark) => Number(mark) !== 100).join(", "),
    autoCutoff: budget.autoCutoff,
    ...(budget.period === "call" ? { callSteps: budget.callSteps } : {}),
    raise: budget.raise?.limit_usd ?? "",
    until: budget.raise ? localTime(new Date(budget.raise.until)) : "",
  };
}

/** Returns the body of a form without problems. */
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

/** Returns the body of a form of a global budget without problems. */
export function globalBodyOf(form: ScopedForm): WantedGlobalBudget {
  const period = form.period === "call" ? "day" : form.period;
  return { ...limitsOf(form), scope: globalScopeOf(form), period };
}

function globalScopeOf({ kind, key, value }: ScopedForm): NonNullable<WantedGlobalBudget["scope"]> {
  if (kind === "tag") return { kind, key: key.trim(), value: value.trim() };
  return kind === "service" ? { kind, value: serviceId(value) } : { kind: "all" };
}

/** Services are reported in lower case, whatever a person types. */
function serviceId(typed: string): string {
  return typed.trim().toLowerCase();
}

function limitsOf(form: ScopedForm): Pick<WantedBudget, "limit_usd" | "thresholds" | "raise"> {
  const raise = amount(form.raise);
  return {
    limit_usd: amount(form.limit) ?? "0",
    thresholds: marksOf(form.thresholds).filter((mark) => Number(mark) !== 100),
    raise: raise === null ? null : { limit_usd: raise, until: new Date(form.until).toISOString() },
  };
}

/** Returns what is wrong with the typed text, by field, in words. */
export function scopedProblems(form: ScopedForm): Partial<Record<ScopedField, string>> {
  const problems: Partial<Record<ScopedField, string>> = {};
  if (form.kind === "tag" && !/^[a-z][a-z0-9_]{0,39}$/.test(form.key.trim()))
    problems.key = "Enter the key of a tag, such as customer.";
  const missing = MISSING_VALUES[form.kind];
  if (missing && !form.value.trim()) problems.value = missing;
  const limit = amount(form.limit);
  const raise = amount(form.raise);
  const limitProblem = limit === null ? "Enter a limit." : amountProblem(limit);
  if (limitProblem) problems.limit = limitProblem;
  const marks = marksProblem(marksOf(form.thresholds));
  if (marks) problems.thresholds = marks;
  const raiseProblem = amountProblem(raise);
  if (raiseProblem) problems.raise = raiseProblem;
  else if (raise !== null && limit !== null && !limitProblem && nano(raise) <= nano(limit))
    problems.raise = "A raised limit must be above the limit.";
  if (raise !== null && !(Date.parse(form.until) > Date.now()))
    problems.until = "Choose a time in the future.";
  return problems;
}

function localTime(at: Date): string {
  const shifted = new Date(at.getTime() - at.getTimezoneOffset() * 60_000);
  return shifted.toISOString().slice(0, 16);
}
