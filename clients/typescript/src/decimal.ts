// Exact arithmetic on amounts: nano-dollars as BigInt, and back to decimal digits.
import type { Decimal } from "./json.js";

const NANO_DIGITS = 9;
const PATTERN = /^(-?)(\d+)(?:\.(\d+))?$/;

/** Returns whole nano-dollars; digits beyond the ninth cannot be sent by the API and are cut. */
export function nano(amount: Decimal): bigint {
  const match = PATTERN.exec(amount);
  if (!match) return BigInt(Math.round(Number(amount) * 1e9));
  const [, sign, whole = "0", fraction = ""] = match;
  const digits = BigInt(whole + fraction.slice(0, NANO_DIGITS).padEnd(NANO_DIGITS, "0"));
  return sign ? -digits : digits;
}

/** The inverse of `nano`, without padding zeros. */
export function decimal(nanos: bigint): Decimal {
  const sign = nanos < 0n ? "-" : "";
  const digits = (nanos < 0n ? -nanos : nanos).toString().padStart(NANO_DIGITS + 1, "0");
  const fraction = digits.slice(-NANO_DIGITS).replace(/0+$/, "");
  return sign + digits.slice(0, -NANO_DIGITS) + (fraction && `.${fraction}`);
}

/** Returns the exact sum of amounts. */
export function sum(amounts: Iterable<Decimal>): Decimal {
  let total = 0n;
  for (const amount of amounts) total += nano(amount);
  return decimal(total);
}
