// Formats amounts of money. Intl takes decimal digits as text, so an amount is rounded only to the
// requested number of decimals.
import type { Decimal } from "cost-analytics-client";

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

function formatWith(format: Intl.NumberFormat, amount: Decimal): string {
  return format.format(amount as Intl.StringNumericLiteral);
}

/** Two decimals: amounts that people pay. */
export const formatMoney = (amount: Decimal): string => formatWith(CENTS, amount);

/** All decimals that the API sent. */
export const formatMoneyExact = (amount: Decimal): string => formatWith(EXACT, amount);

const AXIS_DECIMALS_MAX = 6;

/**
 * The labels of an axis: whole dollars, or all with the decimals that show each amount exactly, at
 * most six. A tick without a label is null.
 */
export function formatMoneyAxis(amounts: (number | null)[]): (string | null)[] {
  const labelled = amounts.filter((amount) => amount !== null);
  const isExact = (places: number): boolean =>
    labelled.every((amount) => amount === Number(amount.toFixed(places)));
  const places = [0, 2, 3, 4, 5].find(isExact) ?? AXIS_DECIMALS_MAX;
  const format = formatter(places, places);
  return amounts.map((amount) => (amount === null ? null : format.format(amount)));
}

/** Two decimals; below ten cents two significant digits: costs. */
export function formatMoneyBrief(amount: Decimal): string {
  return Math.abs(Number(amount)) < 0.0995 ? formatWith(SMALL, amount) : formatMoney(amount);
}

const DECIMALS_MAX = 4;
const LARGE = 10;

/**
 * The format of a column: as many decimals as its smallest amount needs, at most four; two if any
 * amount is large. What is smaller than the last decimal is shown as such: "<$0.01".
 */
export function moneyColumn(amounts: Iterable<Decimal>): (amount: Decimal) => string {
  const sizes = [...amounts].map((amount) => Math.abs(Number(amount))).filter((size) => size > 0);
  const small = Math.min(...sizes);
  const needed = small < 0.0995 ? 1 - Math.floor(Math.log10(small)) : 2;
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
