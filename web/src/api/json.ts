// Parses JSON without binary floats: each number becomes the digits that were sent.
//
// JSON.parse would turn 1234567.123456789 into the nearest double, and the API promises exact
// nano-dollars. So numbers become strings (`Decimal`); code that needs a count or a coordinate
// converts explicitly.
import { parse } from "lossless-json";

/** A JSON number as text, such as "0.90". */
export type Decimal = string;

export function parseExact<T>(text: string): T {
  return parse(text, null, (digits) => digits) as T;
}
