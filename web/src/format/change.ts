// Formats the difference between a figure and that of an earlier period.
import type { Decimal } from "../api/json";
import { decimal, nano, percentOf } from "./decimal";

const CHANGE = new Intl.NumberFormat(undefined, {
  style: "percent",
  maximumFractionDigits: 0,
  signDisplay: "exceptZero",
});

/** "+12% from $3.20"; without a percentage where the earlier figure is not positive. */
export function formatChange(
  now: Decimal,
  before: Decimal,
  format: (figure: Decimal) => string,
): string {
  if (nano(before) <= 0n) return `from ${format(before)}`;
  const change = percentOf(decimal(nano(now) - nano(before)), before);
  return `${CHANGE.format(change / 100)} from ${format(before)}`;
}
