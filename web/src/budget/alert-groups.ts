// Alerts grouped by their limit and its period.
import type { Alert, ListedAlert } from "../api/bodies";
import { formatDay, formatMonth, formatWeek } from "../format/dates";
import { formatMoney } from "../format/money";
import { capitalize } from "../format/names";
import { LIMIT_NAMES } from "./alert-titles";
import { scopeSuffix } from "./scopes";

/** An alert of the list, or of the live feed, which has no `readAt`. */
export type ShownAlert = Alert & Partial<Pick<ListedAlert, "readAt">>;

export interface AlertGroup {
  key: string;
  title: string;
  alerts: ShownAlert[];
}

/** Returns groups in the order of their latest alert. */
export function groupByLimit(alerts: ShownAlert[]): AlertGroup[] {
  const groups = new Map<string, AlertGroup>();
  for (const alert of alerts) {
    const key = `${alert.budgetId ?? alert.type} ${alert.period} ${alert.limit_usd}`;
    const group = groups.get(key) ?? { key, title: groupTitle(alert), alerts: [] };
    group.alerts.push(alert);
    groups.set(key, group);
  }
  return [...groups.values()];
}

function groupTitle({ type, period, limit_usd, scope }: ShownAlert): string {
  const name = capitalize(LIMIT_NAMES[type]);
  const limit = `${name} of ${formatMoney(limit_usd)}${scopeSuffix(scope)}`;
  if (type === "daily") return `${limit} · ${formatDay(period)}`;
  if (type === "weekly") return `${limit} · ${formatWeek(period)}`;
  return type === "monthly" ? `${limit} · ${formatMonth(period)}` : limit;
}
