// The running total of cost: past days, today so far, and the forecasts for the next 1, 7 and 30 days.
import type { DayCost, Forecast } from "../api/bodies";
import type { Decimal } from "cost-analytics-client";
import { decimal, nano } from "../format/decimal";

const DAY_SECONDS = 86_400;
export const SHOWN_DAYS = 30;

/** The running total at a time in seconds since 1970; unknown values are null. */
export interface RunningTotalPoint {
  at: number;
  spent: Decimal | null;
  expected: Decimal | null;
  low: Decimal | null;
  high: Decimal | null;
}

/**
 * Returns the running total over the last whole days (at most `SHOWN_DAYS`), today so far, and the
 * forecasts. Today's cost is that of the forecasts, so that all points agree.
 */
export function runningTotal(
  days: DayCost[],
  forecasts: Forecast[],
  nowMs: number,
): RunningTotalPoint[] {
  const [first] = forecasts;
  if (!first) return [];
  const today = Date.parse(first.periodStart) / 1000;
  const shownDays = Math.min(SHOWN_DAYS, Number(first.basedOnDays));
  const from = today - shownDays * DAY_SECONDS;
  const points = [spentAt(from, 0n)];
  let running = 0n;
  for (const { date, totalCost } of days) {
    const start = Date.parse(date) / 1000;
    if (start < from || start >= today) continue;
    running += nano(totalCost);
    points.push(spentAt(start + DAY_SECONDS, running));
  }
  const beforeToday = running;
  const now = Math.min(Math.max(nowMs / 1000, today + 1), today + DAY_SECONDS - 1);
  const spentNow = decimal(beforeToday + nano(first.todaySoFar.cost));
  points.push({ at: now, spent: spentNow, expected: spentNow, low: spentNow, high: spentNow });
  for (const { periodEnd, forecastedCost, costInterval } of forecasts) {
    const total = (amount: Decimal): Decimal => decimal(beforeToday + nano(amount));
    const at = Math.ceil(Date.parse(periodEnd) / 1000 / DAY_SECONDS) * DAY_SECONDS;
    points.push({
      at,
      spent: null,
      expected: total(forecastedCost),
      low: total(costInterval.low),
      high: total(costInterval.high),
    });
  }
  return points;
}

function spentAt(at: number, total: bigint): RunningTotalPoint {
  return { at, spent: decimal(total), expected: null, low: null, high: null };
}
