// Formats counts, percentages and other numbers.
const COUNT = new Intl.NumberFormat();
const COMPACT = new Intl.NumberFormat(undefined, {
  notation: "compact",
  maximumFractionDigits: 20,
});
const PERCENT = new Intl.NumberFormat(undefined, { style: "percent", maximumFractionDigits: 0 });
const NUMBER = new Intl.NumberFormat(undefined, { maximumFractionDigits: 3 });

export const formatCount = (value: number | string): string => COUNT.format(Number(value));
/** 1000000 → "1M". */
export const formatCompact = (value: number | string): string => COMPACT.format(Number(value));
export const formatNumber = (value: number | string): string => NUMBER.format(Number(value));
export const formatPercent = (value: number): string => PERCENT.format(value / 100);

/** "1 call", "20 calls". */
export const pluralize = (value: number | string, one: string, many: string): string =>
  `${formatCount(value)} ${Number(value) === 1 ? one : many}`;
