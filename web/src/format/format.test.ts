import { describe, expect, it } from "vitest";
import { formatMoneyAxis, moneyColumn } from "./money";
import { formatDuration, formatElapsed } from "./dates";
import { personaName } from "./names";

describe("times and names", () => {
  it("show a duration in up to two units", () => {
    expect([0, 75.9, 3_675].map(formatElapsed)).toEqual(["0:00", "1:15", "1:01:15"]);
    expect([45, 600, 3_600, 12_000, 700_000].map(formatDuration)).toEqual([
      "45 s",
      "10 min",
      "1 h",
      "3 h 20 min",
      "8 days",
    ]);
  });

  it("show a persona by the words of its id", () => {
    expect(["coach_lee_001", "brad_002", "unknown", null].map(personaName)).toEqual([
      "Coach Lee",
      "Brad 002",
      "Unknown persona",
      "Unknown persona",
    ]);
  });
});

describe("amounts of a column", () => {
  it("have as many decimals as the smallest needs, from two to four", () => {
    expect(["12", "0.5"].map(moneyColumn(["12", "0.5"]))).toEqual(["$12.00", "$0.50"]);
    expect(["2", "0.043"].map(moneyColumn(["2", "0.043"]))).toEqual(["$2.000", "$0.043"]);
    expect(["2", "0", "0.00001"].map(moneyColumn(["2", "0", "0.00001"]))).toEqual([
      "$2.0000",
      "$0.0000",
      "<$0.0001",
    ]);
    expect(["12", "0.001", "-0.001"].map(moneyColumn(["12", "0.001"]))).toEqual([
      "$12.00",
      "<$0.01",
      "-$0.00",
    ]);
    expect(["0"].map(moneyColumn([]))).toEqual(["$0.00"]);
    expect(["0", "-3"].map(moneyColumn(["0", "-3"]))).toEqual(["$0.00", "-$3.00"]);
  });
});

describe("labels of an axis", () => {
  it("are whole dollars, or have the same decimals", () => {
    expect(formatMoneyAxis([0, 500, 1_250])).toEqual(["$0", "$500", "$1,250"]);
    expect(formatMoneyAxis([0, 2.5, 5])).toEqual(["$0.00", "$2.50", "$5.00"]);
    expect(formatMoneyAxis([0, 0.005, 0.01])).toEqual(["$0.000", "$0.005", "$0.010"]);
    expect(formatMoneyAxis([0, 0.025, 0.05])).toEqual(["$0.000", "$0.025", "$0.050"]);
    expect(formatMoneyAxis([0.01, 0.1, 1, 10])).toEqual(["$0.01", "$0.10", "$1.00", "$10.00"]);
    expect(formatMoneyAxis([0, 2e-7, 4e-7])).toEqual(["$0.000000", "$0.000000", "$0.000000"]);
    expect(formatMoneyAxis([])).toEqual([]);
  });

  it("are null for ticks without a label", () => {
    expect(formatMoneyAxis([1, null, 10, 1_000])).toEqual(["$1", null, "$10", "$1,000"]);
  });
});
