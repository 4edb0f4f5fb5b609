// Exact arithmetic on amounts: nano-dollars as BigInt, and back to decimal digits.
import type { Decimal } from "./json.js";

const NANO_DIGITS = 9;
// With an exponent, as a number of JSON may have one; the API sends none.
const PATTERN = /^\s*([+-]?)(\d*)\.?(\d*)(?:[eE]([+-]?\d{1,3}))?\s*$/;

/**
 * Returns whole nano-dollars; digits beyond the ninth cannot be sent by the API and are cut. Raises
 * RangeError for a text that is not an amount.
 */
export function nano(amount: Decimal): bigint {
  const match = PATTERN.exec(amount);
  if (!match) throw new RangeError(`${amount} is not an amount`);
  const [, sign, whole = "", fraction = "", exponent = "0"] = match;
  const zeros = NANO_DIGITS - fraction.length + Number(exponent);
  const digits = BigInt(whole + fraction);
  const nanos = zeros < 0 ? digits / 10n ** BigInt(-zeros) : digits * 10n ** BigInt(zeros);
  return sign === "-" ? -nanos : nanos;
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
