import { decimal, nano, sum } from "cost-analytics-client";
import { describe, expect, it } from "vitest";

describe("an amount", () => {
  it.each([
    ["0", 0n],
    ["-0.10", -100_000_000n],
    ["9007199254740993.000000001", 9_007_199_254_740_993_000_000_001n],
    ["123456789.9999999999", 123_456_789_999_999_999n],
    ["1e3", 1_000_000_000_000n],
    ["9007199254740993e-9", 9_007_199_254_740_993n],
    ["1.5E-10", 0n],
    [" 12.50 ", 12_500_000_000n],
    ["", 0n],
  ])("of %j is exact", (amount, nanos) => expect(nano(amount)).toBe(nanos));

  it.each(["abc", "NaN", "Infinity", "1e9999", "1,5", "0x10", "1e"])("is not %j", (amount) =>
    expect(() => nano(amount)).toThrow(`${amount} is not an amount`),
  );

  it("is summed without rounding", () => {
    const amounts = Array.from({ length: 1_000 }, () => "9007199254740.993000001");
    expect(sum(amounts)).toBe("9007199254740993.000001");
    expect(decimal(nano("9007199254740993.000001"))).toBe("9007199254740993.000001");
  });
});
