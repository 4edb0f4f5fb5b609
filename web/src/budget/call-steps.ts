// The fields of the budget form for the steps before a call is ended; numbers as typed.
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

/** Returns the steps as a part of a PUT body; empty if none has changed. */
export function stepsChangeOf(form: StepsForm, saved: StepsForm): Pick<BudgetChange, "callSteps"> {
  if (STEPS_FIELDS.every((name) => form[name] === saved[name])) return {};
  return {
    callSteps: {
      warn: form.isWarned,
      warnAt_percent: percentDigits(form.warnAt_percent),
      downgrade: form.isDowngraded,
      downgradeAt_percent: percentDigits(form.downgradeAt_percent),
      closingSentence: form.closingSentence.trim() || null,
    },
  };
}

/** Returns what is wrong with the percentages, by field. */
export function stepsProblemsOf(form: StepsForm): Partial<Record<StepsField, string>> {
  const problems: Partial<Record<StepsField, string>> = {};
  for (const name of ["warnAt_percent", "downgradeAt_percent"] as const)
    if (!isBelowHundred(percentDigits(form[name])))
      problems[name] = "Enter a percentage above 0 and below 100.";
  if (
    Object.keys(problems).length === 0 &&
    Number(percentDigits(form.warnAt_percent)) >= Number(percentDigits(form.downgradeAt_percent))
  )
    problems.downgradeAt_percent = "This must be above the percentage of the closing sentence.";
  return problems;
}

const percentDigits = (typed: string): string => typed.trim().replace(/\s*%$/, "");

const isBelowHundred = (digits: string): boolean =>
  /^\d+(\.\d+)?$/.test(digits) && Number(digits) > 0 && Number(digits) < 100;
