import { readMessage } from "cost-analytics-client";
import { describe, expect, it } from "vitest";
import type { Alert, Budget } from "../api/bodies";
import type { LiveCall } from "./messages";
import { convertMessage } from "./messages";
import { LiveState } from "./state";

function call(callId: string, version: number, changes: Partial<LiveCall> = {}): LiveCall {
  return {
    callId,
    userId: "alice",
    personaId: "brad_001",
    tags: {},
    status: "active",
    startedAt: "2026-01-01T00:00:00Z",
    elapsedSeconds: 1,
    totalCost: "0.1",
    costByService: { twilio: "0.1" },
    chargedToUser: "0",
    projectedCost: "0.2",
    projection: null,
    version,
    updatedAt: "2026-01-01T00:00:01Z",
    receivedMs: 0,
    ...changes,
  };
}

const snapshot = (...calls: LiveCall[]) => ({ type: "snapshot" as const, calls, budget: null });
const update = (call: LiveCall) => ({ type: "call" as const, call });
const alert = (alertId: string, triggeredAt = "2026-01-01T00:00:00Z") =>
  ({ alertId, triggeredAt }) as Alert;

describe("live state", () => {
  it("ignores an older version of a call in any message", () => {
    const state = new LiveState();
    state.apply(snapshot(call("a", 5, { totalCost: "0.5" })));
    state.apply(update(call("a", 4, { totalCost: "0.4" })));
    expect(state.active.get("a")?.totalCost).toBe("0.5");
    state.apply(snapshot(call("a", 3, { totalCost: "0.3" })));
    expect(state.active.get("a")?.totalCost).toBe("0.5");
    state.apply(update(call("a", 6, { totalCost: "0.6" })));
    expect(state.active.get("a")?.totalCost).toBe("0.6");
  });

  it("does not make an ended call active again", () => {
    const state = new LiveState();
    state.apply(snapshot(call("a", 1)));
    expect(state.apply(update(call("a", 3, { status: "completed" }))).ended).toHaveLength(1);
    state.apply(update(call("a", 2)));
    state.apply(snapshot(call("a", 2)));
    expect([...state.active.keys()]).toEqual([]);
    expect(state.ended.map((call) => call.callId)).toEqual(["a"]);
  });

  it("leaves out a call that was only counted long after its end", () => {
    const state = new LiveState();
    const over = {
      status: "completed" as const,
      elapsedSeconds: 60,
      costByService: { stripe: "9" },
    };
    const late = call("late", 2, { ...over, updatedAt: "2026-01-01T00:11:01Z" });
    const short = call("short", 2, { ...over, updatedAt: "2026-01-01T00:11:00Z" });
    expect(state.apply(snapshot(late)).ended).toEqual([]);
    state.apply(update(late));
    expect(state.ended).toEqual([]);
    state.apply(update(short));
    expect(state.ended.map((call) => call.callId)).toEqual(["short"]);
    state.apply(update(call("seen", 1)));
    state.apply(update(call("seen", 2, { ...over, updatedAt: "2026-01-01T09:00:00Z" })));
    expect(state.ended.map((call) => call.callId)).toEqual(["seen", "short"]);
  });

  it("adds a charge after the end to the ended call", () => {
    const state = new LiveState();
    state.apply(snapshot(call("a", 1), call("b", 1)));
    state.apply(update(call("a", 2, { status: "completed" })));
    state.apply(update(call("b", 2, { status: "failed" })));
    const changes = state.apply(
      update(call("a", 3, { status: "completed", chargedToUser: "4.99" })),
    );
    expect(changes.ended).toEqual([]);
    expect(state.ended.map((call) => [call.callId, call.chargedToUser])).toEqual([
      ["b", "0"],
      ["a", "4.99"],
    ]);
  });

  it("replaces all calls by a snapshot; the first one reports no started calls", () => {
    const state = new LiveState();
    expect(state.apply(snapshot(call("a", 1), call("b", 1))).started).toEqual([]);
    const again = state.apply(snapshot(call("b", 1), call("c", 1)));
    expect([...state.active.keys()].sort()).toEqual(["b", "c"]);
    expect(again.started.map((call) => call.callId)).toEqual(["c"]);
  });

  it("reports an alert once, and lists earlier ones below", () => {
    const state = new LiveState();
    const first = { type: "alert" as const, alert: alert("x", "2026-01-02T00:00:00Z") };
    expect(state.apply(first).alerts).toHaveLength(1);
    expect(state.apply(first).alerts).toHaveLength(0);
    state.addEarlierAlerts([alert("w", "2026-01-01T00:00:00Z"), alert("x")]);
    expect(state.alerts.map((alert) => alert.alertId)).toEqual(["x", "w"]);
  });

  it("keeps the budget if a snapshot has none", () => {
    const state = new LiveState();
    state.apply({ type: "budget", budget: { userId: "alice" } as Budget });
    state.apply(snapshot());
    expect(state.budget?.userId).toBe("alice");
  });

  it("remembers a limited number of calls", () => {
    const state = new LiveState();
    for (let index = 0; index < 6_000; index += 1)
      state.apply(update(call(`c${index}`, 2, { status: "completed" })));
    expect(state.ended).toHaveLength(12);
    expect(state["versions"].size).toBe(5_000);
  });
});

describe("messages", () => {
  it("are read exactly, and ignored if malformed", () => {
    const text = JSON.stringify({
      type: "call",
      call: { callId: "a", elapsed_seconds: 1.5, version: 7 },
    });
    const wire = readMessage(text.replace("}}", ',"totalCost":0.123456789}}'));
    expect(wire && convertMessage(wire, 9)).toMatchObject({
      call: { version: 7, totalCost: "0.123456789", receivedMs: 9 },
    });
  });
});
