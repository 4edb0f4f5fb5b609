// Formats amounts of money. Intl takes decimal digits as text, so an amount is rounded only to the
// requested number of decimals.
import type { Decimal } from "../api/json";

function formatter(least: number, most: number): Intl.NumberFormat {
  return new Intl.NumberFormat(undefined, {
    style: "currency",
    currency: "USD",
    currencyDisplay: "narrowSymbol",
    minimumFractionDigits: least,
    maximumFractionDigits: most,
  });
}

const CENTS = formatter(2, 2);
const SMALL = new Intl.NumberFormat(undefined, {
  style: "currency",
  currency: "USD",
  currencyDisplay: "narrowSymbol",
  minimumFractionDigits: 2,
  maximumFractionDigits: 2,
  maximumSignificantDigits: 2,
  roundingPriority: "morePrecision",
});
const EXACT = formatter(2, 9);
const COMPACT = new Intl.NumberFormat(undefined, {
  style: "currency",
  currency: "USD",
  currencyDisplay: "narrowSymbol",
  maximumSignificantDigits: 3,
});

function say(format: Intl.NumberFormat, amount: Decimal): string {
  return format.format(amount as Intl.StringNumericLiteral);
}

/** Two decimals: amounts that people pay. */
export const formatMoney = (amount: Decimal): string => say(CENTS, amount);

/** All decimals that the API sent. */
export const formatMoneyExact = (amount: Decimal): string => say(EXACT, amount);

/** Short, for axes. */
export const formatMoneyCompact = (amount: number): string => COMPACT.format(amount);

/** Two decimals; below ten cents two significant digits: costs. */
export function formatMoneyBrief(amount: Decimal): string {
  return Math.abs(Number(amount)) < 0.0995 ? say(SMALL, amount) : formatMoney(amount);
}

/** The note on refunds beside a charged amount. */
export const refundNote = (refunded: Decimal): string =>
  Number(refunded) ? `${formatMoney(refunded)} refunded` : "no refunds";
