// Formats dates, times and durations. A day is a UTC day.
const CLOCK = new Intl.DateTimeFormat(undefined, { timeStyle: "medium" });
const MOMENT = new Intl.DateTimeFormat(undefined, { dateStyle: "medium", timeStyle: "short" });
const DAY = new Intl.DateTimeFormat(undefined, { dateStyle: "medium", timeZone: "UTC" });
const CLOCK_UTC = new Intl.DateTimeFormat(undefined, { timeStyle: "short", timeZone: "UTC" });
const SHORT_DAY = new Intl.DateTimeFormat(undefined, {
  day: "numeric",
  month: "short",
  timeZone: "UTC",
});

export const formatTime = (iso: string): string => CLOCK.format(new Date(iso));
export const formatDateTime = (iso: string): string => MOMENT.format(new Date(iso));
/** A UTC day such as 2025-11-19. */
export const formatDay = (date: string): string => DAY.format(new Date(date));
/** "14:15", in UTC. */
export const formatTimeUtc = (iso: string): string => CLOCK_UTC.format(new Date(iso));
export const formatShortDay = (seconds: number): string =>
  SHORT_DAY.format(new Date(seconds * 1000));

/** 75 → "1:15", 3675 → "1:01:15". */
export function formatElapsed(seconds: number): string {
  const whole = Math.max(0, Math.floor(seconds));
  const minutes = Math.floor(whole / 60);
  const two = (value: number): string => value.toString().padStart(2, "0");
  return minutes < 60
    ? `${minutes}:${two(whole % 60)}`
    : `${Math.floor(minutes / 60)}:${two(minutes % 60)}:${two(whole % 60)}`;
}

/** "3 h 20 min", "12 min", "45 s": at most two units. */
export function formatDuration(seconds: number): string {
  const whole = Math.max(0, Math.round(seconds));
  if (whole < 60) return `${whole} s`;
  const minutes = Math.round(whole / 60);
  if (minutes < 60) return `${minutes} min`;
  const hours = Math.floor(minutes / 60);
  if (hours < 48) return minutes % 60 ? `${hours} h ${minutes % 60} min` : `${hours} h`;
  return `${Math.round(hours / 24)} days`;
}

/** An ISO week, "2026-W47", as "Week 47, 2026". */
export function formatWeek(week: string): string {
  const [year = "", number = ""] = week.split("-W");
  return `Week ${Number(number)}, ${year}`;
}

/** "2026-11" → "November 2026". */
export function formatMonth(month: string): string {
  const format = new Intl.DateTimeFormat(undefined, {
    month: "long",
    year: "numeric",
    timeZone: "UTC",
  });
  return format.format(new Date(`${month}-01`));
}
