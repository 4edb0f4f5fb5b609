// The fields of the budget form, as typed: their checks, and the request they become.
import type { Budget, BudgetChange } from "../api/bodies";
import { nano } from "../format/decimal";
import { formatMoney } from "../format/money";
import { amountDigits, amountProblem } from "../format/typed-amount";
import { basisName } from "./basis";
import { stepsChangeOf, stepsFormOf, stepsProblemsOf, type StepsForm } from "./call-steps";

export interface BudgetForm extends StepsForm {
  dailyLimit_usd: string;
  monthlyLimit_usd: string;
  maxCostPerCall_usd: string;
  /** Percentages, separated by commas, without 100. */
  thresholds: string;
  timezone: string;
  autoCutoff: boolean;
}

export type Field = keyof BudgetForm;

export const LABELS: Record<Field, string> = {
  dailyLimit_usd: "Daily limit",
  monthlyLimit_usd: "Monthly limit",
  maxCostPerCall_usd: "Per-call limit",
  thresholds: "Alert at",
  timezone: "Time zone",
  autoCutoff: "End calls at the per-call limit",
  isWarned: "Closing sentence before the limit",
  warnAt_percent: "Say it at",
  isDowngraded: "Cheaper model near the limit",
  downgradeAt_percent: "Use it at",
  closingSentence: "Closing sentence",
};

const LIMITS = ["dailyLimit_usd", "monthlyLimit_usd", "maxCostPerCall_usd"] as const;
const PERCENT_MAX = 1_000;
const THRESHOLDS_MAX = 20;

export function formOf(budget: Budget): BudgetForm {
  return {
    dailyLimit_usd: budget.dailyLimit_usd ?? "",
    monthlyLimit_usd: budget.monthlyLimit_usd ?? "",
    maxCostPerCall_usd: budget.maxCostPerCall_usd ?? "",
    thresholds: withoutHundred(budget.thresholds).join(", "),
    timezone: budget.timezone,
    autoCutoff: budget.autoCutoff,
    ...stepsFormOf(budget),
  };
}

/** Returns the changed fields as a PUT body; an empty limit means no limit. */
export function changeOf(form: BudgetForm, saved: BudgetForm): BudgetChange {
  const change: BudgetChange = {};
  for (const name of LIMITS)
    if (form[name].trim() !== saved[name]) change[name] = amountDigits(form[name]) || null;
  if (form.thresholds !== saved.thresholds) {
    const thresholds = withoutHundred(thresholdsOf(form.thresholds));
    // The API's `alertThreshold_percent` is at most 100.
    const first = thresholds.find((threshold) => Number(threshold) <= 100);
    change.alertThreshold_percent = first ?? "100";
    change.thresholds = thresholds.filter((threshold) => threshold !== first);
  }
  if (form.timezone !== saved.timezone) change.timezone = form.timezone;
  if (form.autoCutoff !== saved.autoCutoff) change.autoCutoff = form.autoCutoff;
  return { ...change, ...stepsChangeOf(form, saved) };
}

/** Returns what is wrong with the form, by field. */
export function problemsOf(form: BudgetForm): Partial<Record<Field, string>> {
  const problems: Partial<Record<Field, string>> = stepsProblemsOf(form);
  for (const name of LIMITS) {
    const digits = amountDigits(form[name]);
    const problem = digits ? amountProblem(digits) : null;
    if (problem) problems[name] = problem;
  }
  const problem = thresholdsProblem(thresholdsOf(form.thresholds));
  if (problem) problems.thresholds = problem;
  return problems;
}

/** Returns a warning for each changed limit that is reached already, by field. */
export function reachedLimits(form: BudgetForm, budget: Budget): Partial<Record<Field, string>> {
  const warnings: Partial<Record<Field, string>> = {};
  const basis = basisName(budget.budgetBasis);
  for (const [name, spend, period, saved] of [
    ["dailyLimit_usd", budget.currentDailySpend, "today", budget.dailyLimit_usd],
    ["monthlyLimit_usd", budget.currentMonthlySpend, "this month", budget.monthlyLimit_usd],
  ] as const) {
    const limit = amountDigits(form[name]);
    if (!limit || limit === saved || amountProblem(limit) || nano(limit) > nano(spend)) continue;
    warnings[name] =
      `${basis} ${period}: ${formatMoney(spend)}. This limit is already reached; saving it raises an alert.`;
  }
  return warnings;
}

/** Returns a message of the server with the labels of fields instead of their names. */
export function withFieldLabels(message: string): string {
  const labels = { ...LABELS, alertThreshold_percent: LABELS.thresholds };
  return Object.entries(labels).reduce(
    (text, [name, label]) => text.replaceAll(name, label),
    message.replaceAll("callSteps.", ""),
  );
}

/** Returns the thresholds that can be chosen: the one of 100% always exists. */
export const withoutHundred = (thresholds: string[]): string[] =>
  thresholds.filter((threshold) => Number(threshold) !== 100);

/** "50%, 80" → ["50", "80"]. */
export const thresholdsOf = (typed: string): string[] => typed.split(/[\s,;%]+/).filter(Boolean);

export function thresholdsProblem(thresholds: string[]): string | null {
  if (thresholds.length > THRESHOLDS_MAX) return `Enter at most ${THRESHOLDS_MAX} percentages.`;
  for (const threshold of thresholds) {
    if (!/^\d+(\.\d+)?$/.test(threshold))
      return "Enter percentages separated by commas, such as 50%, 80%.";
    if (Number(threshold) === 0 || Number(threshold) > PERCENT_MAX)
      return `A percentage must be above 0 and at most ${PERCENT_MAX}.`;
  }
  return null;
}
