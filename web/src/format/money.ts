// Says amounts in the reader's language. Intl takes decimal digits as text, so nothing is rounded
// but by the number of places that is asked for.
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
const FINE = formatter(4, 4);
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

/** Two places: what people pay. */
export const formatMoney = (amount: Decimal): string => say(CENTS, amount);

/** Four places: what a call costs while it goes on. */
export const formatMoneyFine = (amount: Decimal): string => say(FINE, amount);

/** All places that were sent. */
export const formatMoneyExact = (amount: Decimal): string => say(EXACT, amount);

/** Short, for axes. */
export const formatMoneyCompact = (amount: number): string => COMPACT.format(amount);

/** Two places where they say something, four for less than a dollar. */
export function formatMoneyBrief(amount: Decimal): string {
  return Math.abs(Number(amount)) >= 1 || Number(amount) === 0
    ? formatMoney(amount)
    : formatMoneyFine(amount);
}

/** What to say of refunds beside what was charged. */
export const refundNote = (refunded: Decimal): string =>
  Number(refunded) ? `${formatMoney(refunded)} refunded` : "no refunds";
