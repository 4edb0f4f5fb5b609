// Reads JSON without binary fractions: every number arrives as the digits that were sent.
//
// JSON.parse would turn 1234567.123456789 into the nearest double, and the API promises exact
// nano-dollars. So numbers become strings (`Decimal`); whoever needs a count or a coordinate of a
// chart converts it there, by name.
import { parse } from "lossless-json";

/** A JSON number as it was written, such as "0.90". */
export type Decimal = string;

export function parseExact<T>(text: string): T {
  return parse(text, null, (digits) => digits) as T;
}
