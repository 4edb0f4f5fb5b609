// The budget form: text as typed. Only the server validates; an amount is sent as the typed digits,
// so nothing is rounded.
import type { Budget, BudgetChange } from "../api/bodies";

export interface BudgetForm {
  dailyLimit_usd: string;
  monthlyLimit_usd: string;
  maxCostPerCall_usd: string;
  /** All percentages below 100, separated by commas. */
  thresholds: string;
  timezone: string;
  autoCutoff: boolean;
}

const LIMITS = ["dailyLimit_usd", "monthlyLimit_usd", "maxCostPerCall_usd"] as const;

export function formOf(budget: Budget): BudgetForm {
  return {
    dailyLimit_usd: budget.dailyLimit_usd ?? "",
    monthlyLimit_usd: budget.monthlyLimit_usd ?? "",
    maxCostPerCall_usd: budget.maxCostPerCall_usd ?? "",
    thresholds: budget.thresholds.filter(isBelowLimit).join(", "),
    timezone: budget.timezone,
    autoCutoff: budget.autoCutoff,
  };
}

/** Returns the changed fields as a PUT body; an empty limit means no limit. */
export function changeOf(form: BudgetForm, before: BudgetForm): BudgetChange {
  const change: BudgetChange = {};
  for (const name of LIMITS)
    if (form[name].trim() !== before[name]) change[name] = amount(form[name]);
  if (form.thresholds !== before.thresholds) {
    const marks = form.thresholds.split(/[\s,;%]+/).filter((mark) => mark && isBelowLimit(mark));
    [change.alertThreshold_percent = "100", ...change.thresholds] = marks;
  }
  if (form.timezone !== before.timezone) change.timezone = form.timezone;
  if (form.autoCutoff !== before.autoCutoff) change.autoCutoff = form.autoCutoff;
  return change;
}

// The 100% threshold always exists.
const isBelowLimit = (mark: string): boolean => Number(mark) !== 100;

function amount(typed: string): string | null {
  const digits = typed.trim().replace(/^\$\s*/, "");
  return digits === "" ? null : digits;
}
