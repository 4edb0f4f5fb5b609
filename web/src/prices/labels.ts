// Texts for prices, price changes and repricing.
import type { Price, PriceTarget, RerateReport } from "../api/bodies";
import type { Decimal } from "cost-analytics-client";
import { LIMIT_NAMES } from "../budget/alert-titles";
import { formatDay } from "../format/dates";
import { formatMoney, formatMoneyBrief } from "../format/money";
import { withSpaces } from "../format/names";
import { formatCompact, pluralize } from "../format/numbers";

export const STATE_LABELS = { "in force": "In force", future: "Upcoming", past: "Past" };

type Retirement = Pick<Price, "retiresOn" | "isDeprecated">;

const PRICE = new Intl.NumberFormat(undefined, {
  style: "currency",
  currency: "USD",
  currencyDisplay: "narrowSymbol",
  minimumFractionDigits: 2,
  maximumFractionDigits: 18,
});
const CHANGE = new Intl.NumberFormat(undefined, {
  style: "percent",
  signDisplay: "exceptZero",
  maximumFractionDigits: 1,
});
const EXACT_CHANGE = new Intl.NumberFormat(undefined, {
  style: "percent",
  signDisplay: "exceptZero",
  maximumFractionDigits: 12,
});
const APPROVAL_PERCENT = 25;
const SHORT_UNITS: Record<string, string> = { minute: "min", second: "s" };

/** "$0.014 / min", "$0.87 / hour" or "$0.10 per 1M tokens", with all digits. */
export function formatPrice(price: Decimal, perUnits: Decimal, unit: string): string {
  const amount = PRICE.format(price as Intl.StringNumericLiteral);
  if (unit === "minutes" && Number(perUnits) === 60) return `${amount} / hour`;
  if (Number(perUnits) !== 1) return `${amount} per ${formatCompact(perUnits)} ${unitName(unit)}`;
  const one = unitName(unit).replace(/s$/, "");
  return `${amount} / ${SHORT_UNITS[one] ?? one}`;
}

/** "inference · llama3.1-8b", or "outbound call" for any model. */
export function priceItemName({ operation, model }: PriceTarget): string {
  if (model === "*") return withSpaces(operation);
  return `${withSpaces(operation)} · ${model === "" ? "no model" : model}`;
}

/** "+50%"; a change just above the approval limit is shown with all its digits. */
export function formatPriceChange(percent: Decimal | null): string {
  if (percent === null) return "New";
  const rounded = Math.abs(Math.round(Number(percent) * 10) / 10);
  const format = rounded === APPROVAL_PERCENT ? EXACT_CHANGE : CHANGE;
  return format.format(Number(percent) / 100);
}

export const staleLabel = (reason: NonNullable<Price["staleReason"]>): string =>
  reason === "old_source" ? "Stale: old source" : "Stale: not verified";

/** "Retires Mar 1, 2026", "Retired Mar 1, 2026", "Deprecated"; else empty. */
export function retirementLabel({ retiresOn, isDeprecated }: Retirement, today: string): string {
  if (retiresOn === null) return isDeprecated ? "Deprecated" : "";
  return `${retiresOn <= today ? "Retired" : "Retires"} ${formatDay(retiresOn)}`;
}

const unitName = (unit: string): string => (unit === "usd" ? "US dollars" : withSpaces(unit));

/** "20 costs rise by $0.11 in total, for 4 users." */
export function repricingSummary({ total, users }: RerateReport): string {
  const isRise = Number(total.difference) >= 0;
  const [one, many] = isRise ? ["cost rises", "costs rise"] : ["cost falls", "costs fall"];
  const difference = formatMoneyBrief(total.difference.replace("-", ""));
  const affected = pluralize(users, "user", "users");
  return `${pluralize(total.costs, one, many)} by ${difference} in total, for ${affected}.`;
}

/** "80% of the $40.00 daily limit". */
export function alertSummary(alert: RerateReport["firstAlerts"][number]): string {
  const percent = Number(alert.threshold_percent);
  return `${percent}% of the ${formatMoney(alert.limit_usd)} ${LIMIT_NAMES[alert.type]}`;
}
