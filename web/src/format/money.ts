// Formats amounts of money. Intl takes decimal digits as text, so an amount is rounded only to the
// requested number of decimals.
import type { Decimal } from "cost-analytics-client";

function formatter(decimalsMin: number, decimalsMax: number): Intl.NumberFormat {
  return new Intl.NumberFormat(undefined, {
    style: "currency",
    currency: "USD",
    currencyDisplay: "narrowSymbol",
    minimumFractionDigits: decimalsMin,
    maximumFractionDigits: decimalsMax,
  });
}

const CENTS = formatter(2, 2);
const TWO_DIGITS = new Intl.NumberFormat(undefined, {
  style: "currency",
  currency: "USD",
  currencyDisplay: "narrowSymbol",
  minimumFractionDigits: 2,
  maximumFractionDigits: 2,
  maximumSignificantDigits: 2,
  roundingPriority: "morePrecision",
});
const EXACT = formatter(2, 9);

function formatWith(format: Intl.NumberFormat, amount: Decimal): string {
  return format.format(amount as Intl.StringNumericLiteral);
}

/** Formats an amount that people pay, with two decimals. */
export const formatMoney = (amount: Decimal): string => formatWith(CENTS, amount);

/** Formats an amount with all its decimals. */
export const formatMoneyExact = (amount: Decimal): string => formatWith(EXACT, amount);

const AXIS_DECIMALS_MAX = 6;

/**
 * Formats the labels of an axis: all without decimals, or all with as many as show each amount
 * exactly, at most six. A tick without a label is null.
 */
export function formatMoneyAxis(amounts: (number | null)[]): (string | null)[] {
  const labelled = amounts.filter((amount) => amount !== null);
  const isExact = (places: number): boolean =>
    labelled.every((amount) => amount === Number(amount.toFixed(places)));
  const places = [0, 2, 3, 4, 5].find(isExact) ?? AXIS_DECIMALS_MAX;
  const format = formatter(places, places);
  return amounts.map((amount) => (amount === null ? null : format.format(amount)));
}

/** Amounts below it round to less than ten cents: two decimals would show one digit of them. */
const SMALL = 0.0995;

/** Formats a cost: two decimals, or two significant digits below ten cents. */
export function formatMoneyBrief(amount: Decimal): string {
  return Math.abs(Number(amount)) < SMALL ? formatWith(TWO_DIGITS, amount) : formatMoney(amount);
}

const DECIMALS_MAX = 4;
const LARGE = 10;

/**
 * Returns the format for amounts of a column: as many decimals as the smallest one needs, at most
 * four; two if any amount is large. Smaller amounts than the last decimal are shown as "<$0.01".
 */
export function moneyColumn(amounts: Iterable<Decimal>): (amount: Decimal) => string {
  const sizes = [...amounts].map((amount) => Math.abs(Number(amount))).filter((size) => size > 0);
  const smallest = Math.min(...sizes);
  const needed = smallest < SMALL ? 1 - Math.floor(Math.log10(smallest)) : 2;
  const places = Math.max(...sizes) >= LARGE ? 2 : Math.min(needed, DECIMALS_MAX);
  const format = formatter(places, places);
  const step = 10 ** -places;
  return (amount) => {
    const value = Number(amount);
    return value > 0 && value < step / 2 ? `<${format.format(step)}` : formatWith(format, amount);
  };
}

/** The note on refunds beside a charged amount. */
export const refundNote = (refunded: Decimal): string =>
  Number(refunded) ? `${formatMoney(refunded)} refunded` : "no refunds";
