import { describe, expect, it } from "vitest";
import { changeOf, formOf, withFieldLabels, reachedLimits, problemsOf } from "./form";
import type { Budget } from "../api/bodies";

describe("the budget form", () => {
  const budget = {
    dailyLimit_usd: "10",
    monthlyLimit_usd: null,
    maxCostPerCall_usd: null,
    alertThreshold_percent: "80",
    thresholds: ["50", "80", "100"],
    timezone: "UTC",
    autoCutoff: true,
    callSteps: {
      warn: false,
      warnAt_percent: "80",
      downgrade: false,
      downgradeAt_percent: "95",
      closingSentence: null,
    },
  } as Budget;

  it("sends only changed values, with the typed digits", () => {
    const before = formOf(budget);
    expect(changeOf(before, before)).toEqual({});
    const form = {
      ...before,
      dailyLimit_usd: "",
      monthlyLimit_usd: " $100.10 ",
      thresholds: "90%, 50, 100",
    };
    expect(changeOf(form, before)).toEqual({
      dailyLimit_usd: null,
      monthlyLimit_usd: "100.10",
      alertThreshold_percent: "90",
      thresholds: ["50"],
    });
    expect(changeOf({ ...before, thresholds: " " }, before)).toEqual({
      alertThreshold_percent: "100",
      thresholds: [],
    });
  });

  it("accepts percentages and amounts as people write them", () => {
    const before = formOf(budget);
    const typed = { ...before, thresholds: "150%, 50%", dailyLimit_usd: "$1,000.50" };
    expect(problemsOf(typed)).toEqual({});
    expect(changeOf(typed, before)).toEqual({
      dailyLimit_usd: "1000.50",
      alertThreshold_percent: "50",
      thresholds: ["150"],
    });
  });

  it("sends the steps before the end of a call together, if one has changed", () => {
    const before = formOf(budget);
    const form = { ...before, isWarned: true, warnAt_percent: "70 %", closingSentence: " Bye. " };
    expect(problemsOf(form)).toEqual({});
    expect(changeOf(form, before)).toEqual({
      callSteps: {
        warn: true,
        warnAt_percent: "70",
        downgrade: false,
        downgradeAt_percent: "95",
        closingSentence: "Bye.",
      },
    });
  });

  it("refuses steps at or above the limit, and in the wrong order", () => {
    const form = formOf(budget);
    expect(problemsOf({ ...form, warnAt_percent: "100" }).warnAt_percent).toContain("below 100");
    expect(problemsOf({ ...form, downgradeAt_percent: "" }).downgradeAt_percent).toContain(
      "above 0",
    );
    expect(problemsOf({ ...form, warnAt_percent: "95" }).downgradeAt_percent).toContain("above");
    expect(withFieldLabels("`callSteps.warnAt_percent` must be below 100.")).toBe(
      "`Say it at` must be below 100.",
    );
  });

  it("says what is wrong with a field", () => {
    const typed = { ...formOf(budget), dailyLimit_usd: "-1", monthlyLimit_usd: "ten" };
    const problems = problemsOf({
      ...typed,
      thresholds: "half",
      maxCostPerCall_usd: "1.0000000001",
    });
    expect(problems.dailyLimit_usd).toContain("can't be negative");
    expect(problems.monthlyLimit_usd).toContain("such as 20 or 20.50");
    expect(problems.maxCostPerCall_usd).toBe("Use at most 9 decimals.");
    expect(problems.thresholds).toContain("50%, 80%");
    expect(problemsOf({ ...typed, thresholds: "0" }).thresholds).toContain("above 0");
    expect(withFieldLabels("dailyLimit_usd must be a number.")).toBe(
      "Daily limit must be a number.",
    );
  });

  it("warns of a limit that is reached already, unless it is the saved one", () => {
    const spent = {
      ...budget,
      budgetBasis: "charged",
      currentDailySpend: "24.95",
      currentMonthlySpend: "24.95",
    } as Budget;
    const form = { ...formOf(budget), monthlyLimit_usd: "24.95" };
    expect(reachedLimits(form, spent)).toEqual({
      monthlyLimit_usd: expect.stringContaining("Charged this month: $24.95.") as string,
    });
    expect(reachedLimits({ ...form, monthlyLimit_usd: "24.96" }, spent)).toEqual({});
  });
});
