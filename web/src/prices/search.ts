// Searches the price catalogue: a price must contain every word.
import type { Price } from "../api/bodies";
import { serviceName, withSpaces } from "../format/names";
import { detailsText } from "./conditions";

export interface SearchablePrice {
  price: Price;
  text: string;
}

/** Returns prices with their searchable texts. */
export const searchable = (prices: Price[]): SearchablePrice[] =>
  prices.map((price) => ({ price, text: textOf(price) }));

const textOf = (price: Price): string =>
  [
    serviceName(price.service),
    price.service,
    withSpaces(price.operation),
    price.operation,
    price.model,
    withSpaces(price.unit),
    detailsText(price),
    price.source,
    price.sourceUrl ?? "",
    price.sourceDate ?? "",
    price.setBy,
    price.stale ? "stale" : "",
    price.retiresOn ? `retires ${price.retiresOn}` : "",
    price.isDeprecated ? "deprecated" : "",
  ]
    .join(" ")
    .toLowerCase();

export function search(prices: SearchablePrice[], query: string): Price[] {
  const words = query.toLowerCase().split(/\s+/).filter(Boolean);
  return prices
    .filter(({ text }) => words.every((word) => text.includes(word)))
    .map(({ price }) => price);
}
