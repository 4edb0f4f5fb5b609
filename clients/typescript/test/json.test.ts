import { indentExact, parseExact } from "cost-analytics-client";
import { parse } from "lossless-json";
import { describe, expect, it } from "vitest";

const SEEDS = 500;
const TEXTS = ["", "a", '"', "\\", '\\"', "12", "-0.5", "é \u2028 😀", "{1}", "\n\t", "\u0000"];
const NUMBERS = ["0", "-0", "0.90", "1e3", "-1.5E-7", "9007199254740993", "1234567.123456789"];

/** Returns a JSON text that depends on the seed. */
function randomJson(seed: number, depth = 0): string {
  let state = seed + 1;
  const next = (below: number): number => {
    state = (state * 48_271) % 2_147_483_647;
    return state % below;
  };
  const text = (): string => JSON.stringify(TEXTS[next(TEXTS.length)]);
  const inner = (): string => randomJson(next(1_000_000), depth + 1);
  const kinds = [
    () => NUMBERS[next(NUMBERS.length)] ?? "0",
    text,
    () => ["true", "false", "null"][next(3)] ?? "null",
    () => `[ ${Array.from({ length: next(4) }, inner).join(" , ")}]`,
    () =>
      `{${Array.from({ length: next(4) }, (_, n) => `"k${n}${next(9)}": ${inner()}`).join(",\n")} }`,
  ];
  return (kinds[next(depth > 4 ? 3 : kinds.length)] ?? text)();
}

describe("exact JSON", () => {
  it("is read as another parser reads it, with the digits of numbers", () => {
    for (let seed = 0; seed < SEEDS; seed += 1) {
      const text = randomJson(seed);
      expect(parseExact(text), text).toEqual(parse(text, null, (digits) => digits));
    }
  });

  it("keeps digits that a double would round", () => {
    expect(parseExact('{"a":9007199254.740993001,"b":[-0.10]}')).toEqual({
      a: "9007199254.740993001",
      b: ["-0.10"],
    });
  });

  it.each(["", "{", "[1,]", "01", "1.", "-", ".5", "+1", "NaN", "1 2", '"a', "[1e]", "tru3"])(
    "refuses %j",
    (text) => expect(() => parseExact(text)).toThrow(SyntaxError),
  );

  it("reads long texts", () => {
    const long = "x".repeat(20_000_000);
    expect(parseExact<string[]>(`["${long}",1]`)[1]).toBe("1");
  });

  it("is indented with its numbers as sent", () => {
    expect(indentExact('{"a":0.10,"b":["1",1e400]}')).toBe(
      '{\n  "a": 0.10,\n  "b": [\n    "1",\n    1e400\n  ]\n}',
    );
  });
});
