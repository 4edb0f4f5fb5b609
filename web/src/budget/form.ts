// The budget form: text as typed. It is checked before it is sent, in words; the server decides. An
// amount is sent as the typed digits, so nothing is rounded.
import type { Budget, BudgetChange } from "../api/bodies";
import { nano } from "../format/decimal";
import { formatMoney } from "../format/money";
import { basisName } from "./basis";
import { stepsChangeOf, stepsFormOf, stepsProblemsOf, type StepsForm } from "./call-steps";

export interface BudgetForm extends StepsForm {
  dailyLimit_usd: string;
  monthlyLimit_usd: string;
  maxCostPerCall_usd: string;
  /** All percentages below 100, separated by commas. */
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
const LIMIT_MAX = 1_000_000_000n * 1_000_000_000n;
const DECIMALS_MAX = 9;
const PERCENT_MAX = 1_000;
const MARKS_MAX = 20;

export function formOf(budget: Budget): BudgetForm {
  return {
    dailyLimit_usd: budget.dailyLimit_usd ?? "",
    monthlyLimit_usd: budget.monthlyLimit_usd ?? "",
    maxCostPerCall_usd: budget.maxCostPerCall_usd ?? "",
    thresholds: budget.thresholds.filter(isBelowLimit).join(", "),
    timezone: budget.timezone,
    autoCutoff: budget.autoCutoff,
    ...stepsFormOf(budget),
  };
}

/** Returns the changed fields as a PUT body; an empty limit means no limit. */
export function changeOf(form: BudgetForm, before: BudgetForm): BudgetChange {
  const change: BudgetChange = {};
  for (const name of LIMITS)
    if (form[name].trim() !== before[name]) change[name] = amount(form[name]);
  if (form.thresholds !== before.thresholds) {
    const marks = marksOf(form.thresholds).filter((mark) => isBelowLimit(mark));
    // The warning threshold is at most the limit itself.
    const first = marks.find((mark) => Number(mark) <= 100);
    change.alertThreshold_percent = first ?? "100";
    change.thresholds = marks.filter((mark) => mark !== first);
  }
  if (form.timezone !== before.timezone) change.timezone = form.timezone;
  if (form.autoCutoff !== before.autoCutoff) change.autoCutoff = form.autoCutoff;
  return { ...change, ...stepsChangeOf(form, before) };
}

/** Returns what is wrong with the typed text, by field, in words. */
export function problemsOf(form: BudgetForm): Partial<Record<Field, string>> {
  const problems: Partial<Record<Field, string>> = stepsProblemsOf(form);
  for (const name of LIMITS) {
    const problem = amountProblem(amount(form[name]));
    if (problem) problems[name] = problem;
  }
  const problem = marksProblem(marksOf(form.thresholds));
  if (problem) problems.thresholds = problem;
  return problems;
}

/** Returns a warning for each typed limit that is reached already, by field. */
export function passedLimits(form: BudgetForm, budget: Budget): Partial<Record<Field, string>> {
  const problems: Partial<Record<Field, string>> = {};
  const by = basisName(budget.budgetBasis);
  for (const [name, spend, when, before] of [
    ["dailyLimit_usd", budget.currentDailySpend, "today", budget.dailyLimit_usd],
    ["monthlyLimit_usd", budget.currentMonthlySpend, "this month", budget.monthlyLimit_usd],
  ] as const) {
    const limit = amount(form[name]);
    if (limit === null || limit === before || amountProblem(limit) || nano(limit) > nano(spend))
      continue;
    problems[name] =
      `${by} ${when}: ${formatMoney(spend)}. This limit is already reached; saving it raises an alert.`;
  }
  return problems;
}

/** Returns a server's sentence with the fields as they are labelled. */
export function inWords(message: string): string {
  const labels = { ...LABELS, alertThreshold_percent: LABELS.thresholds };
  return Object.entries(labels).reduce(
    (text, [name, label]) => text.replaceAll(name, label),
    message.replaceAll("callSteps.", ""),
  );
}

// The 100% threshold always exists.
const isBelowLimit = (mark: string): boolean => Number(mark) !== 100;

export const marksOf = (typed: string): string[] => typed.split(/[\s,;%]+/).filter(Boolean);

export function amount(typed: string): string | null {
  const digits = typed
    .trim()
    .replace(/^\$\s*/, "")
    .replace(/(\d),(?=\d{3}(\D|$))/g, "$1");
  return digits === "" ? null : digits;
}

export function amountProblem(digits: string | null): string | null {
  if (digits === null) return null;
  if (/^-/.test(digits)) return "A limit can't be negative. Leave it empty for no limit.";
  const match = /^(\d+)(?:\.(\d+))?$/.exec(digits);
  if (!match)
    return "Enter an amount in dollars, such as 20 or 20.50. Leave it empty for no limit.";
  if ((match[2] ?? "").length > DECIMALS_MAX) return `Use at most ${DECIMALS_MAX} decimals.`;
  return nano(digits) > LIMIT_MAX ? "A limit can be at most $1,000,000,000." : null;
}

export function marksProblem(marks: string[]): string | null {
  if (marks.length > MARKS_MAX) return `Enter at most ${MARKS_MAX} percentages.`;
  for (const mark of marks) {
    if (!/^\d+(\.\d+)?$/.test(mark))
      return "Enter percentages separated by commas, such as 50%, 80%.";
    if (Number(mark) === 0 || Number(mark) > PERCENT_MAX)
      return `A percentage must be above 0 and at most ${PERCENT_MAX}.`;
  }
  return null;
}
