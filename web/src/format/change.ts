// Formats the change of a figure from an earlier period.
import type { Decimal } from "cost-analytics-client";
import { decimal, nano, percentOf } from "./decimal";
import { formatCount } from "./numbers";

const CHANGE = new Intl.NumberFormat(undefined, {
  style: "percent",
  maximumFractionDigits: 0,
  signDisplay: "exceptZero",
});

/** Above it, a change is shown as a multiple. */
const PERCENT_MAX = 999;

/**
 * "+12% from $3.20", "45× $4.04" above +999%, or "from $0.00" if the earlier figure is not positive.
 */
export function formatChange(
  now: Decimal,
  before: Decimal,
  format: (figure: Decimal) => string,
): string {
  if (nano(before) <= 0n) return `from ${format(before)}`;
  const change = percentOf(decimal(nano(now) - nano(before)), before);
  if (Math.round(change) > PERCENT_MAX)
    return `${formatCount(Math.round(change / 100 + 1))}× ${format(before)}`;
  return `${CHANGE.format(change / 100)} from ${format(before)}`;
}
