// Exact arithmetic on amounts, and what charts need of them.
import { nano, type Decimal } from "cost-analytics-client";

export { decimal, nano, sum } from "cost-analytics-client";

/** `part` as a percentage of `whole`, for widths and marks; 0 if `whole` is 0. */
export function percentOf(part: Decimal, whole: Decimal): number {
  const all = nano(whole);
  return all === 0n ? 0 : Number((nano(part) * 1_000_000n) / all) / 10_000;
}

/** For coordinates of charts only: a double, rounded. */
export function approximate(nanos: bigint): number {
  return Number(nanos) / 1e9;
}
