import { describe, expect, it } from "vitest";
import { groupByLimit, type ShownAlert } from "./alert-groups";

const alert = (alertId: string, changes: Partial<ShownAlert> = {}): ShownAlert =>
  ({ alertId, type: "daily", period: "2026-11-29", limit_usd: "20", ...changes }) as ShownAlert;

describe("alerts", () => {
  it("are grouped by limit, in the order of the latest", () => {
    const groups = groupByLimit([
      alert("a"),
      alert("b", { type: "monthly", period: "2026-11", limit_usd: "500" }),
      alert("c"),
      alert("d", { type: "call", period: "call-1", limit_usd: "4" }),
      alert("e", { limit_usd: "10" }),
    ]);
    expect(groups.map(({ alerts }) => alerts.map(({ alertId }) => alertId))).toEqual([
      ["a", "c"],
      ["b"],
      ["d"],
      ["e"],
    ]);
    expect(groups.map(({ title }) => title)).toEqual([
      "Daily limit of $20.00 · Nov 29, 2026",
      "Monthly limit of $500.00 · November 2026",
      "Per-call limit of $4.00",
      "Daily limit of $10.00 · Nov 29, 2026",
    ]);
  });
});
