import { describe, expect, it } from "vitest";
import { nextThreshold, progress } from "./pace";
import { changeOf, formOf } from "./form";
import type { Budget } from "../api/bodies";

describe("pace", () => {
  const DAY = 86_400;

  it("says when the next threshold is reached at the pace so far", () => {
    expect(nextThreshold("20", "50", [80, 100], 3_600, DAY)).toEqual({
      threshold: 80,
      seconds: 3_600,
    });
    expect(nextThreshold("40", "50", [80, 100], 3_600, DAY)).toEqual({
      threshold: 100,
      seconds: 900,
    });
  });

  it("says that it is not reached in this period, or that none is left", () => {
    expect(nextThreshold("1", "50", [80, 100], 43_200, DAY)?.seconds).toBeNull();
    expect(nextThreshold("0", "50", [80, 100], 43_200, DAY)?.seconds).toBeNull();
    expect(nextThreshold("50", "50", [80, 100], 43_200, DAY)).toBeNull();
    expect(nextThreshold("5", null, [80, 100], 43_200, DAY)).toBeNull();
  });

  it("knows where a time zone is in its day and month", () => {
    const now = new Date("2026-11-30T23:30:00Z");
    expect(progress(now, "UTC").day[0]).toBe(23.5 * 3_600);
    expect(progress(now, "UTC").month).toEqual([29 * DAY + 23.5 * 3_600, 30 * DAY]);
    // It is December in Berlin already.
    expect(progress(now, "Europe/Berlin")).toEqual({
      day: [1_800, DAY],
      month: [1_800, 31 * DAY],
    });
  });
});

describe("form", () => {
  const budget = {
    dailyLimit_usd: "10",
    monthlyLimit_usd: null,
    maxCostPerCall_usd: null,
    alertThreshold_percent: "80",
    thresholds: ["50", "100"],
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
      thresholds: "50, 90",
    };
    expect(changeOf(form, before)).toEqual({
      dailyLimit_usd: null,
      monthlyLimit_usd: "100.10",
      thresholds: ["50", "90"],
    });
  });
});
