// Alerts grouped by their limit: a day, a month, or a call.
import type { Alert, ListedAlert } from "../api/bodies";
import { formatDay, formatMonth, formatWeek } from "../format/dates";
import { formatMoney } from "../format/money";
import { scopeSuffix } from "./scopes";

/** An alert of the list or of the live socket; only the list says whether it was read. */
export type ShownAlert = Alert & Partial<Pick<ListedAlert, "readAt">>;

export interface AlertGroup {
  key: string;
  title: string;
  alerts: ShownAlert[];
}

const LIMITS = {
  daily: "Daily",
  weekly: "Weekly",
  monthly: "Monthly",
  call: "Per-call",
} as const;

/** Returns groups in the order of their latest alert. */
export function groupByLimit(alerts: ShownAlert[]): AlertGroup[] {
  const groups = new Map<string, AlertGroup>();
  for (const alert of alerts) {
    const key = `${alert.budgetId ?? alert.type} ${alert.period} ${alert.limit_usd}`;
    const group = groups.get(key) ?? { key, title: titleOf(alert), alerts: [] };
    group.alerts.push(alert);
    groups.set(key, group);
  }
  return [...groups.values()];
}

function titleOf({ type, period, limit_usd, scope }: ShownAlert): string {
  const limit = `${LIMITS[type]} limit of ${formatMoney(limit_usd)}${scopeSuffix(scope)}`;
  if (type === "daily") return `${limit} · ${formatDay(period)}`;
  if (type === "weekly") return `${limit} · ${formatWeek(period)}`;
  return type === "monthly" ? `${limit} · ${formatMonth(period)}` : limit;
}
