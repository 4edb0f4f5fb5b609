import { describe, expect, it } from "vitest";
import { lastDays, periodFormat, spanOf, spanProblem } from "./period";

const at = (iso: string): number => Date.parse(iso);

describe("periods", () => {
  it("are as many UTC days as they say, today included", () => {
    const now = at("2026-03-01T00:30:00Z");
    expect(spanOf("today", now)).toEqual({ start: "2026-03-01", end: "2026-03-01" });
    expect(spanOf("7d", now)).toEqual({ start: "2026-02-23", end: "2026-03-01" });
    expect(spanOf("30d", now)).toEqual({ start: "2026-01-31", end: "2026-03-01" });
    expect(spanOf("90d", now)).toEqual({ start: "2025-12-02", end: "2026-03-01" });
    expect(lastDays(1, at("2026-02-28T23:59:59Z"))).toEqual({
      start: "2026-02-28",
      end: "2026-02-28",
    });
  });

  it("are months of the calendar, also around the end of a year", () => {
    const january = at("2026-01-31T23:00:00Z");
    expect(spanOf("this-month", january)).toEqual({ start: "2026-01-01", end: "2026-01-31" });
    expect(spanOf("last-month", january)).toEqual({ start: "2025-12-01", end: "2025-12-31" });
    expect(spanOf("last-month", at("2024-03-31T12:00:00Z"))).toEqual({
      start: "2024-02-01",
      end: "2024-02-29",
    });
  });

  it("are written to the address and read back", () => {
    const custom = { start: "2026-11-01", end: "2026-11-15" };
    expect(periodFormat.write(custom)).toBe("2026-11-01..2026-11-15");
    for (const period of ["today", "last-month", custom] as const)
      expect(periodFormat.read(periodFormat.write(period))).toEqual(period);
  });

  it.each([
    "",
    "8d",
    "2026-11-01",
    "2026-02-30..2026-03-01",
    "2026-11-02..2026-11-01",
    "..",
    "a..b",
  ])("are not %o", (text) => expect(periodFormat.read(text)).toBeNull());

  it("state what is wrong with custom days", () => {
    expect(spanProblem({ start: "2026-11-02", end: "2026-11-01" })).toContain("before");
    expect(spanProblem({ start: "", end: "2026-11-01" })).toContain("Choose");
    expect(spanProblem({ start: "2025-01-01", end: "2026-11-01" })).toContain("400");
    expect(spanProblem({ start: "2026-11-01", end: "2026-11-01" })).toBeNull();
  });
});
