// Exact arithmetic on amounts, and their approximations for charts.
import { nano, type Decimal } from "cost-analytics-client";

export { decimal, nano, sum } from "cost-analytics-client";

/** `part` as a percentage of `whole`, rounded; 0 if `whole` is 0. */
export function percentOf(part: Decimal, whole: Decimal): number {
  const all = nano(whole);
  return all === 0n ? 0 : Number((nano(part) * 1_000_000n) / all) / 10_000;
}

/** Dollars as a double: for coordinates of charts only. */
export function approximateDollars(nanos: bigint): number {
  return Number(nanos) / 1e9;
}
