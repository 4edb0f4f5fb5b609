import { describe, expect, it } from "vitest";
import type { PriceTarget, RerateReport } from "../api/bodies";
import {
  formatPriceChange,
  priceItemName,
  formatPrice,
  repricingSummary,
  retirementLabel,
  staleLabel,
} from "./labels";

// Separators depend on the machine's locale.
const digits = (text: string): string => text.replace(/[^\d a-z]/gi, "");

describe("prices", () => {
  it("show all digits and their unit", () => {
    expect(digits(formatPrice("0.0085", "1", "minutes"))).toBe("00085  min");
    expect(digits(formatPrice("0.87", "60", "minutes"))).toBe("087  hour");
    expect(digits(formatPrice("0.10", "1000000", "input_tokens"))).toBe("010 per 1M input tokens");
    expect(digits(formatPrice("2.9", "100", "usd"))).toBe("290 per 100 US dollars");
    expect(digits(formatPrice("0.000000000123", "1", "charges"))).toBe("0000000000123  charge");
  });

  it("are named by operation and model", () => {
    const named = (model: string) =>
      priceItemName({ operation: "outbound_call", model } as PriceTarget);
    expect(["*", "", "nova-2"].map(named)).toEqual([
      "outbound call",
      "outbound call · no model",
      "outbound call · nova-2",
    ]);
  });

  it("show when their model is retired", () => {
    const label = (retiresOn: string | null, isDeprecated: boolean): string =>
      retirementLabel({ retiresOn, isDeprecated }, "2026-03-01");
    expect(label(null, false)).toBe("");
    expect(label(null, true)).toBe("Deprecated");
    expect(label("2026-03-02", true)).toMatch(/^Retires .*2026/);
    expect(label("2026-03-01", false)).toMatch(/^Retired .*2026/);
  });

  it("show why they are stale", () => {
    expect(staleLabel("not_verified")).toBe("Stale: not verified");
    expect(staleLabel("old_source")).toBe("Stale: old source");
  });

  it("show a change in percent with its sign", () => {
    expect(formatPriceChange("46.66666")).toMatch(/^\+46.7\s?%$/);
    expect(formatPriceChange("-50")).toMatch(/^[-−]50\s?%$/);
    expect(formatPriceChange("25.000008")).toMatch(/^\+25.000008\s?%$/);
    expect(formatPriceChange("25.04")).toMatch(/^\+25.04\s?%$/);
    expect(formatPriceChange("25")).toMatch(/^\+25\s?%$/);
    expect(formatPriceChange(null)).toBe("New");
  });
});

describe("backdated prices", () => {
  const summary = (costs: string, users: string, difference: string): string =>
    repricingSummary({ total: { costs, difference }, users } as RerateReport);

  it("have a summary of what they change", () => {
    expect(summary("1", "1", "0.11")).toMatch(/^1 cost rises by \D?0.11 in total, for 1 user\.$/);
    expect(summary("20", "4", "-0.000000001")).toMatch(
      /^20 costs fall by \D?0.000000001 in total, for 4 users\.$/,
    );
  });
});
