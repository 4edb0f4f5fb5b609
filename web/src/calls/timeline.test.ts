import { describe, expect, it } from "vitest";
import type { CallEvent } from "../api/bodies";
import { sum } from "../format/decimal";
import { eventLines, eventName, timelinePoints } from "./timeline";

const event = (id: string, type: string, more: object = {}): CallEvent =>
  ({
    id,
    source: "/s",
    type,
    time: id,
    totalCost: "0",
    amount: "0",
    tags: {},
    ...more,
  }) as CallEvent;

const rounding = {
  service: "twilio",
  operation: "outbound_call",
  model: null,
  legId: "b",
  billed_seconds: "120",
  totalCost: "0.013766667",
};

describe("lines of a call's events", () => {
  it("list each rounding after the end, and the settlement without them", () => {
    const events = [
      event("1", "call.started"),
      event("2", "call.settled", {
        totalCost: "0.348766667",
        amount: "4.99",
        data: { roundings: [rounding] },
      }),
      event("3", "call.ended"),
      event("4", "call.charged"),
    ];
    const lines = eventLines(events);
    expect(lines.map(({ id }) => id)).toEqual(["1", "2", "3", "2/0", "4"]);
    expect(lines.map(({ totalCost }) => totalCost)).toEqual([
      "0",
      "0.335",
      "0",
      "0.013766667",
      "0",
    ]);
    expect(lines[3]).toMatchObject({ time: "3", service: "twilio", amount: "0" });
    expect(lines.slice(1, 4).map(eventName)).toEqual([
      "Infrastructure and charge added",
      "Call ended",
      "Leg rounded",
    ]);
    expect(sum(lines.map(({ totalCost }) => totalCost))).toBe(
      sum(events.map(({ totalCost }) => totalCost)),
    );
  });

  it("leave events without roundings as they are", () => {
    const events = [event("1", "call.settled", { data: { roundings: [] } })];
    expect(eventLines(events)).toEqual(events);
  });
});

describe("points of the timeline", () => {
  it("have the cumulative cost, without voided costs", () => {
    const cost = (time: string, totalCost: string, voided = false) =>
      event("1", "cost.recorded", { time, totalCost, voided });
    const points = timelinePoints([
      cost("2026-01-01T00:00:00Z", "0.1"),
      cost("2026-01-01T00:00:30Z", "5", true),
      cost("2026-01-01T00:01:00Z", "0.2"),
    ]);
    expect(points.map(({ at, cumulative }) => [at, cumulative])).toEqual([
      [0, 100_000_000n],
      [30, 100_000_000n],
      [60, 300_000_000n],
    ]);
  });
});
