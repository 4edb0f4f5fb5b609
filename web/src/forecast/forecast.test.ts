import { describe, expect, it } from "vitest";
import type { DayCost, Forecast, ForecastPeriod } from "../api/bodies";
import { runningTotal } from "./running-total";
import { confidenceLabel, limitForecastText } from "./labels";

const NOON_MS = Date.parse("2026-01-10T12:00:00Z");
const at = (iso: string): number => Date.parse(iso) / 1000;

function forecast(period: ForecastPeriod, end: string, cost: string, known = "2"): Forecast {
  return {
    period,
    periodStart: "2026-01-10T00:00:00Z",
    periodEnd: `${end}T23:59:59Z`,
    basedOnDays: known,
    todaySoFar: { calls: "1", cost: "0.3", revenue: "4.99" },
    forecastedCost: cost,
    costInterval: { low: "0.3", high: "9.000000001" },
  } as Forecast;
}

const day = (date: string, totalCost: string) => ({ date, totalCost }) as DayCost;
const DAYS = [
  day("2026-01-07", "50"),
  day("2026-01-08", "0.1"),
  day("2026-01-09", "0.2"),
  day("2026-01-10", "0.25"),
];

describe("the running total", () => {
  const points = runningTotal(
    DAYS,
    [forecast("daily", "2026-01-10", "0.5"), forecast("weekly", "2026-01-16", "3.5")],
    NOON_MS,
  );

  it("adds up the days that the forecast is based on, without drift", () => {
    expect(points.slice(0, 3).map(({ at, spent }) => [at, spent])).toEqual([
      [at("2026-01-08"), "0"],
      [at("2026-01-09"), "0.1"],
      [at("2026-01-10"), "0.3"],
    ]);
  });

  it("continues with today's spend as in the forecast", () => {
    const now = { at: NOON_MS / 1000, spent: "0.6", expected: "0.6", low: "0.6", high: "0.6" };
    expect(points[3]).toEqual(now);
  });

  it("adds each forecast to the whole days, at the end of its last day", () => {
    expect(points.slice(4)).toEqual([
      { at: at("2026-01-11"), spent: null, expected: "0.8", low: "0.6", high: "9.300000001" },
      { at: at("2026-01-17"), spent: null, expected: "3.8", low: "0.6", high: "9.300000001" },
    ]);
  });

  it("stays in order when the machine's clock is wrong, and shows 30 days at most", () => {
    for (const clock of [0, NOON_MS * 2]) {
      const times = runningTotal(DAYS, [forecast("daily", "2026-01-10", "1")], clock).map(
        ({ at }) => at,
      );
      expect(times).toEqual([...times].sort((a, b) => a - b));
      expect(new Set(times).size).toBe(times.length);
    }
    const [first] = runningTotal(DAYS, [forecast("daily", "2026-01-10", "1", "90")], NOON_MS);
    expect(first?.at).toBe(at("2025-12-11"));
    expect(runningTotal(DAYS, [], NOON_MS)).toEqual([]);
  });
});

describe("texts", () => {
  it("state the confidence of a forecast", () => {
    expect([0, 0.12, 0.5, 0.79].map(confidenceLabel)).toEqual(["No", "Low", "Fair", "High"]);
  });

  it("state when a limit is reached", () => {
    const limit = { limit_usd: "5", isReached: false, reachedOn: null, reachedIn_seconds: null };
    expect(limitForecastText(limit, "this month")).toBe("Not expected this month");
    expect(limitForecastText({ ...limit, isReached: true, reachedOn: "2026-01-10" }, "")).toContain(
      "Reached",
    );
    expect(limitForecastText({ ...limit, reachedOn: "2026-01-12" }, "")).toContain("2026");
  });
});
