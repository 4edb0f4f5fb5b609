import { describe, expect, it } from "vitest";
import { roundedLegName, roundingText } from "./roundings";

const rounding = {
  service: "twilio",
  operation: "outbound_call",
  model: null,
  legId: null,
} as const;

describe("roundings of legs", () => {
  it.each([
    ["120", "0.013766667", "Rounded up to 2 min: +$0.013766667"],
    ["36", "0.0005", "Rounded up to 36 s: +$0.0005"],
    ["60", "-0.002", "Billed as 1 min: −$0.002"],
  ])("%s s, %s", (billed_seconds, totalCost, text) => {
    expect(roundingText({ ...rounding, billed_seconds, totalCost })).toBe(text);
  });

  it("name their leg", () => {
    const leg = { ...rounding, billed_seconds: "60", totalCost: "1" };
    expect(roundedLegName(leg)).toBe("outbound call");
    expect(roundedLegName({ ...leg, legId: "b" })).toBe("outbound call · leg b");
  });
});
