import { describe, expect, it } from "vitest";
import { changeOf, formOf } from "./form";
import type { Budget } from "../api/bodies";

describe("form", () => {
  const budget = {
    dailyLimit_usd: "10",
    monthlyLimit_usd: null,
    maxCostPerCall_usd: null,
    alertThreshold_percent: "80",
    thresholds: ["50", "80", "100"],
    timezone: "UTC",
    autoCutoff: true,
  } as Budget;

  it("sends what was changed and nothing else, digits as they were typed", () => {
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
});
