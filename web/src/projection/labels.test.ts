import { describe, expect, it } from "vitest";
import type { LiveCall } from "../live/messages";
import { sum } from "../format/decimal";
import { projectionBasis, projectedParts, projectedRange, projectedTotal } from "./labels";

function call(low: string, high: string, basedOnCalls = "140"): LiveCall {
  return {
    projectedCost: "0.7",
    totalCost: "0.1",
    projection: { low, high, duration_seconds: "130", dueOnce: "0.45", basedOnCalls },
  } as unknown as LiveCall;
}
const unknown = { projectedCost: "0.1", totalCost: "0.1", projection: null } as LiveCall;

describe("projected cost", () => {
  it("shows its range while it is uncertain", () => {
    expect(projectedRange(call("0.52", "0.804"))).toBe("$0.52 – $0.80");
    expect(projectedRange(call("0.69", "0.71"))).toBe("");
    expect(projectedRange(unknown)).toBe("");
  });

  it("consists of parts that add up to it", () => {
    const parts = projectedParts(call("0.5", "0.9"));
    expect(parts.map((part) => part.amount)).toEqual(["0.1", "0.15", "0.45"]);
    expect(sum(parts.map((part) => part.amount))).toBe("0.7");
    expect(parts[1]?.note).toContain("until 2:10");
    expect(projectedParts(unknown)).toEqual([]);
  });

  it("states what it is based on", () => {
    expect(projectionBasis(call("0.5", "0.9"))).toBe(
      "Based on the last 140 calls with this persona.",
    );
    expect(projectionBasis(call("0.5", "0.9", "0"))).toContain("no earlier calls");
  });

  it("adds up over calls and counts those without one", () => {
    expect(projectedTotal([call("0.5", "0.9"), unknown])).toEqual({
      cost: "0.8",
      note: "estimated total at hang-up; 1 call not estimated yet",
    });
  });
});
