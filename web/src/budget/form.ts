// The budget form: text as typed. Only the server validates; an amount is sent as the typed digits,
// so nothing is rounded.
import type { Budget, BudgetChange } from "../api/bodies";

export interface BudgetForm {
  dailyLimit_usd: string;
  monthlyLimit_usd: string;
  maxCostPerCall_usd: string;
  alertThreshold_percent: string;
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
    alertThreshold_percent: budget.alertThreshold_percent,
    thresholds: further(budget).join(", "),
    timezone: budget.timezone,
    autoCutoff: budget.autoCutoff,
  };
}

/** Returns the changed fields as a PUT body; an empty limit means no limit. */
export function changeOf(form: BudgetForm, before: BudgetForm): BudgetChange {
  const change: BudgetChange = {};
  for (const name of LIMITS)
    if (form[name].trim() !== before[name]) change[name] = amount(form[name]);
  if (form.alertThreshold_percent !== before.alertThreshold_percent)
    change.alertThreshold_percent = form.alertThreshold_percent.trim();
  if (form.thresholds !== before.thresholds)
    change.thresholds = form.thresholds.split(/[\s,;]+/).filter((mark) => mark !== "");
  if (form.timezone !== before.timezone) change.timezone = form.timezone;
  if (form.autoCutoff !== before.autoCutoff) change.autoCutoff = form.autoCutoff;
  return change;
}

// The 100% threshold always exists, and the first threshold has its own field.
function further(budget: Budget): string[] {
  const others = [100, Number(budget.alertThreshold_percent)];
  return budget.thresholds.filter((mark) => !others.includes(Number(mark)));
}

function amount(typed: string): string | null {
  const digits = typed.trim().replace(/^\$\s*/, "");
  return digits === "" ? null : digits;
}
