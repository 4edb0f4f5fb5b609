// When a threshold would be reached if spending went on as it did so far in the period.
import type { Decimal } from "../api/json";
import { nano } from "../money/decimal";

export interface Reach {
  threshold: number;
  /** Seconds from now; null where it is not going to be in this period. */
  seconds: number | null;
}

/** Returns the next threshold that is not reached, or null where all are or there is no limit. */
export function nextThreshold(
  spend: Decimal,
  limit: Decimal | null,
  thresholds: number[],
  elapsedSeconds: number,
  periodSeconds: number,
): Reach | null {
  if (limit === null || nano(limit) === 0n) return null;
  const [spent, most] = [Number(spend), Number(limit)];
  const threshold = [...thresholds]
    .sort((a, b) => a - b)
    .find((mark) => spent < (mark / 100) * most);
  if (threshold === undefined) return null;
  const rate = elapsedSeconds > 0 ? spent / elapsedSeconds : 0;
  const seconds = rate > 0 ? ((threshold / 100) * most - spent) / rate : Infinity;
  return { threshold, seconds: elapsedSeconds + seconds < periodSeconds ? seconds : null };
}

/** How far a day and a month have come, in seconds, on the clocks of a time zone. */
export function progress(now: Date, timezone: string): Record<"day" | "month", [number, number]> {
  const parts = new Intl.DateTimeFormat("en-US", {
    timeZone: timezone,
    hourCycle: "h23",
    year: "numeric",
    month: "numeric",
    day: "numeric",
    hour: "numeric",
    minute: "numeric",
    second: "numeric",
  }).formatToParts(now);
  const part = (type: string): number => Number(parts.find((found) => found.type === type)?.value);
  const today = part("hour") * 3600 + part("minute") * 60 + part("second");
  const days = new Date(Date.UTC(part("year"), part("month"), 0)).getUTCDate();
  return {
    day: [today, 86_400],
    month: [(part("day") - 1) * 86_400 + today, days * 86_400],
  };
}
