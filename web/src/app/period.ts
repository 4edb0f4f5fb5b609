// Periods of UTC days, and the one in the address: ?period=7d, or ?period=2026-11-01..2026-11-15.
//
// "7 days" are seven days, today included. The API's own `period=7d` is one day longer
// (docs/api.md), so requests always say the first and the last day.
import { computed, type ComputedRef, type WritableComputedRef } from "vue";
import { useAddressState, type AddressFormat } from "./address-state";

/** UTC days such as 2026-11-19, both included. */
export interface Span {
  start: string;
  end: string;
}

export const NAMED_PERIODS = [
  { name: "today", label: "Today" },
  { name: "7d", label: "7 days" },
  { name: "30d", label: "30 days" },
  { name: "90d", label: "90 days" },
  { name: "this-month", label: "This month" },
  { name: "last-month", label: "Last month" },
] as const;
export type PeriodName = (typeof NAMED_PERIODS)[number]["name"];
/** A name, or the days of a custom period. */
export type Period = PeriodName | Span;

const DAY_MS = 86_400_000;
/** The API's limit. */
export const DAYS_MAX = 400;
const DAYS: Partial<Record<PeriodName, number>> = { today: 1, "7d": 7, "30d": 30, "90d": 90 };

const dayOf = (atMs: number): string => new Date(atMs).toISOString().slice(0, 10);
/** The day of a time in seconds since 1970. */
export const utcDay = (seconds: number): string => dayOf(seconds * 1000);
export const utcToday = (nowMs = Date.now()): string => dayOf(nowMs);

/** The last `count` days, today included. */
export const lastDays = (count: number, nowMs = Date.now()): Span => ({
  start: dayOf(nowMs - (count - 1) * DAY_MS),
  end: dayOf(nowMs),
});

export function spanOf(period: Period, nowMs = Date.now()): Span {
  if (typeof period !== "string") return period;
  const days = DAYS[period];
  if (days) return lastDays(days, nowMs);
  const now = new Date(nowMs);
  const monthStart = (months: number): number =>
    Date.UTC(now.getUTCFullYear(), now.getUTCMonth() + months, 1);
  return period === "this-month"
    ? { start: dayOf(monthStart(0)), end: dayOf(nowMs) }
    : { start: dayOf(monthStart(-1)), end: dayOf(monthStart(0) - DAY_MS) };
}

/** Returns what is wrong with the days of a custom period, or null. */
export function spanProblem({ start, end }: Span): string | null {
  if (!isDay(start) || !isDay(end)) return "Choose a start and an end date.";
  if (start > end) return "Start date must be before end date.";
  const days = (Date.parse(end) - Date.parse(start)) / DAY_MS + 1;
  return days > DAYS_MAX ? `Choose at most ${DAYS_MAX} days.` : null;
}

function isDay(text: string): boolean {
  const at = /^\d{4}-\d\d-\d\d$/.test(text) ? Date.parse(text) : NaN;
  return !Number.isNaN(at) && dayOf(at) === text;
}

export const periodFormat: AddressFormat<Period> = {
  read: (text) => {
    const named = NAMED_PERIODS.find(({ name }) => name === text);
    if (named) return named.name;
    const [start = "", end = ""] = text.split("..");
    return spanProblem({ start, end }) ? null : { start, end };
  },
  write: (period) => (typeof period === "string" ? period : `${period.start}..${period.end}`),
};

/** The period in the address and its days; 30 days without one. */
export function usePeriod(): { period: WritableComputedRef<Period>; span: ComputedRef<Span> } {
  const period = useAddressState<Period>("period", periodFormat, "30d");
  return { period, span: computed(() => spanOf(period.value)) };
}
