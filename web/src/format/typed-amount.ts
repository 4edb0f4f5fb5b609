// Amounts of money as people type them. They are sent with the typed digits, so nothing is rounded.
import { nano } from "./decimal";

const NANOS_MAX = 1_000_000_000n * 1_000_000_000n;
const DECIMALS_MAX = 9;

/** Returns the digits of an amount: "$1,000.50" → "1000.50". */
export const amountDigits = (typed: string): string =>
  typed
    .trim()
    .replace(/^\$\s*/, "")
    .replace(/(\d),(?=\d{3}(\D|$))/g, "$1");

/** Returns what is wrong with the digits of an amount, or null. */
export function amountProblem(digits: string): string | null {
  if (digits.startsWith("-")) return "An amount can't be negative.";
  const match = /^\d+(?:\.(\d+))?$/.exec(digits);
  if (!match) return "Enter an amount in dollars, such as 20 or 20.50.";
  if ((match[1] ?? "").length > DECIMALS_MAX) return `Use at most ${DECIMALS_MAX} decimals.`;
  return nano(digits) > NANOS_MAX ? "An amount can be at most $1,000,000,000." : null;
}
