// The steps before the end of a call, as the budget form has them: text as typed.
import type { Budget, BudgetChange } from "../api/bodies";

export interface StepsForm {
  isWarned: boolean;
  warnAt_percent: string;
  isDowngraded: boolean;
  downgradeAt_percent: string;
  /** Empty for the default sentence. */
  closingSentence: string;
}

export type StepsField = keyof StepsForm;

export const STEPS_FIELDS = [
  "isWarned",
  "warnAt_percent",
  "isDowngraded",
  "downgradeAt_percent",
  "closingSentence",
] as const;

export function stepsFormOf({ callSteps }: Budget): StepsForm {
  return {
    isWarned: callSteps.warn,
    warnAt_percent: callSteps.warnAt_percent,
    isDowngraded: callSteps.downgrade,
    downgradeAt_percent: callSteps.downgradeAt_percent,
    closingSentence: callSteps.closingSentence ?? "",
  };
}

/** Returns the steps as part of a PUT body, if they have changed. */
export function stepsChangeOf(form: StepsForm, before: StepsForm): Pick<BudgetChange, "callSteps"> {
  if (STEPS_FIELDS.every((name) => form[name] === before[name])) return {};
  return {
    callSteps: {
      warn: form.isWarned,
      warnAt_percent: percentOf(form.warnAt_percent),
      downgrade: form.isDowngraded,
      downgradeAt_percent: percentOf(form.downgradeAt_percent),
      closingSentence: form.closingSentence.trim() || null,
    },
  };
}

/** Returns what is wrong with the typed percentages, by field, in words. */
export function stepsProblemsOf(form: StepsForm): Partial<Record<StepsField, string>> {
  const problems: Partial<Record<StepsField, string>> = {};
  for (const name of ["warnAt_percent", "downgradeAt_percent"] as const)
    if (!isBelowLimit(percentOf(form[name])))
      problems[name] = "Enter a percentage above 0 and below 100.";
  if (
    Object.keys(problems).length === 0 &&
    Number(percentOf(form.warnAt_percent)) >= Number(percentOf(form.downgradeAt_percent))
  )
    problems.downgradeAt_percent = "This must be above the percentage of the closing sentence.";
  return problems;
}

const percentOf = (typed: string): string => typed.trim().replace(/\s*%$/, "");

const isBelowLimit = (digits: string): boolean =>
  /^\d+(\.\d+)?$/.test(digits) && Number(digits) > 0 && Number(digits) < 100;
