import { describe, expect, it } from "vitest";
import type { Price } from "../api/bodies";
import { conditionsText, incrementsText } from "./conditions";
import { search, searchable } from "./search";

/** Removes the separators of thousands. */
const withoutSeparators = (text: string): string =>
  text.replace(/(?<=\d)[^\d a-z:·–+](?=\d{3})/gi, "");

describe("conditions of a price", () => {
  it("are shown as text", () => {
    expect(conditionsText(null)).toBe("");
    expect(withoutSeparators(conditionsText({ tier: "batch", inputSizeAbove: "200000" }))).toBe(
      "batch tier · above 200000 input tokens",
    );
    expect(conditionsText({ inputSizeAbove: "0" })).toBe("above 0 input tokens");
    expect(
      conditionsText({
        direction: "outbound",
        destination: "+44",
        voiceClass: "hd",
        hours: "22:00-06:00@America/New_York",
      }),
    ).toBe("outbound · to +44 · hd voice · 22:00–06:00 America/New York");
    expect(conditionsText({ hours: "08:00-17:00" })).toBe("08:00–17:00 UTC");
  });
});

describe("billing increments of a price", () => {
  it.each([
    ["0", "0", ""],
    ["60", "60", "billed in 60 s steps"],
    ["30", "6", "billed in 6 s steps, at least 30 s"],
    ["30", "0", "billed at least 30 s"],
  ])("%s/%s", (minimum_seconds, increment_seconds, text) => {
    expect(incrementsText({ minimum_seconds, increment_seconds })).toBe(text);
  });
});

describe("search in prices", () => {
  const price = (id: string, more: Partial<Price>): Price =>
    ({ id, service: "openai", operation: "inference", model: "gpt-5", unit: "input_tokens", conditions: null,
       minimum_seconds: "0", increment_seconds: "0",
       source: "a list", setBy: "me", ...more }) as Price; // prettier-ignore
  const all = searchable([
    price("1", {}),
    price("2", { conditions: { tier: "batch" } }),
    price("3", { service: "twilio", operation: "outbound_call", model: "*", unit: "minutes",
                 conditions: { destination: "+44" } }), // prettier-ignore
  ]);
  const found = (query: string): string[] => search(all, query).map(({ id }) => id);

  it("finds prices with every word", () => {
    expect(found("")).toEqual(["1", "2", "3"]);
    expect(found("GPT-5 input tokens")).toEqual(["1", "2"]);
    expect(found("batch gpt")).toEqual(["2"]);
    expect(found("to +44")).toEqual(["3"]);
    expect(found("outbound_call")).toEqual(["3"]);
    expect(found("nothing")).toEqual([]);
  });
});
