// Parses JSON without binary floats: each number becomes the digits that were sent.
//
// JSON.parse would turn 1234567.123456789 into the nearest double, and the API promises exact
// nano-dollars. So numbers become strings (`Decimal`); code that needs a count or a coordinate
// converts explicitly.

/** A JSON number as text, such as "0.90". */
export type Decimal = string;

// A string, which stays as it is, or a number outside of strings. The loop over runs of characters
// keeps long strings off the stack of the engine.
const STRING_OR_NUMBER = /"[^"\\]*(?:\\.[^"\\]*)*"|-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][+-]?\d+)?/g;

/** Returns the value of a JSON text, with its numbers as digits; raises SyntaxError. */
export function parseExact<T>(text: string): T {
  return JSON.parse(quoteNumbers(text, "")) as T;
}

/** Returns a JSON text with indents and the numbers as sent; raises SyntaxError. */
export function indentExact(text: string): string {
  // No text of the API contains the character U+0000.
  const marked: unknown = JSON.parse(quoteNumbers(text, "\\u0000"));
  return JSON.stringify(marked, null, 2).replace(/"\\u0000([^"]+)"/g, "$1");
}

function quoteNumbers(text: string, mark: string): string {
  return text.replace(STRING_OR_NUMBER, (part) =>
    part.startsWith('"') ? part : `"${mark}${part}"`,
  );
}
