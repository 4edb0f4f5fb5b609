import { parseExact } from "cost-analytics-client";
import { describe, expect, it } from "vitest";
import { decimal, nano, percentOf, sum } from "./decimal";
import { formatMoneyBrief, formatMoneyExact } from "./money";

// Separators and signs depend on the machine's locale.
const digits = (shown: string): string => shown.replace(/\D/g, "");

describe("amounts", () => {
  it.each(["0", "0.9", "0.000000001", "-4.99", "1234567890123.123456789", "-0.000000001"])(
    "%s is nano-dollars and back, exactly",
    (amount) => expect(decimal(nano(amount))).toBe(amount),
  );

  it("stay exact where a double would round", () => {
    const text = '{"data":{"totalCost":9007199254.740993001,"calls":12,"name":"0.1"}}';
    const { data } = parseExact<{ data: Record<string, string> }>(text);
    expect(data).toEqual({ totalCost: "9007199254.740993001", calls: "12", name: "0.1" });
    expect(digits(formatMoneyExact(data["totalCost"] ?? ""))).toBe("9007199254740993001");
  });

  it("sum without drift", () => {
    expect(sum(["0.1", "0.2"])).toBe("0.3");
    expect(sum(Array<string>(1000).fill("0.000000001"))).toBe("0.000001");
    expect(sum([])).toBe("0");
  });

  it("are shown briefly or with all decimals", () => {
    const brief = ["0", "12.345", "0.11284", "0.0999", "0.0664", "-0.00123"].map(formatMoneyBrief);
    expect(brief.map(digits)).toEqual(["000", "1235", "011", "010", "0066", "00012"]);
    expect(digits(formatMoneyExact("4.5"))).toBe("450");
    expect(digits(formatMoneyExact("0.0000354"))).toBe("00000354");
  });

  it("are percentages of a whole, also of zero", () => {
    expect(percentOf("44.91", "50")).toBe(89.82);
    expect(percentOf("1", "0")).toBe(0);
  });
});
