import { describe, expect, it } from "vitest";
import {
  deliveryText,
  pollDelivery,
  channelHistory,
  isOver,
  channelStatus,
  settingsText,
} from "./labels";
import type { Channel, Delivery, DeliveryState } from "../api/bodies";

const channel = (change: Partial<Channel>): Channel =>
  ({ state: "verified", reason: null, deliveredAt: null, failures: "0", ...change }) as Channel;

const delivery = (state: DeliveryState, change: Partial<Delivery> = {}): Delivery =>
  ({ state, reason: null, nextAttemptAt: null, attempts: [], ...change }) as Delivery;

const tried = (error: string | null) => [{ error }] as Delivery["attempts"];

describe("channels", () => {
  it("state their status and what to do", () => {
    expect(channelStatus(channel({}))).toMatchObject({ tone: "good", text: "" });
    expect(channelStatus(channel({ state: "unverified" })).text).toMatch(/Enter the code/);
    const off = channelStatus(channel({ state: "disabled", reason: "The endpoint is gone." }));
    expect(off.tone).toBe("bad");
    expect(off.text).toMatch(/^The endpoint is gone\. Send a new code/);
    expect(channelStatus(channel({ state: "disabled" })).text).not.toContain("null");
  });

  it("state the last delivery and the failures since", () => {
    expect(channelHistory(channel({}))).toBe("No deliveries yet.");
    expect(channelHistory(channel({ state: "unverified" }))).toBe("");
    expect(channelHistory(channel({ failures: "1" }))).toMatch(/1 failed attempt since/);
    const some = channelHistory(channel({ deliveredAt: "2026-01-05T12:00:00Z", failures: "12" }));
    expect(some).toMatch(/^Last delivered .*2026.*, 12 failed attempts since\.$/);
  });
});

describe("settings of a channel", () => {
  it("name what it gets and its quiet hours", () => {
    expect(settingsText({ kinds: [], quietHours: null })).toBe("No notifications");
    const quietHours = { start: "22:00", end: "07:00", timezone: null };
    expect(settingsText({ kinds: ["alert", "anomaly"], quietHours })).toBe(
      "Budget alerts, anomalies · quiet 22:00–07:00",
    );
  });
});

describe("deliveries", () => {
  it("state the result of a delivery", () => {
    const text = (delivered: Delivery | null): string => deliveryText("The test", delivered);
    expect(text(null)).toBe("The test will be sent shortly.");
    expect(text(delivery("pending"))).toBe("The test will be sent shortly.");
    expect(text(delivery("delivering"))).toBe("The test is being sent.");
    expect(text(delivery("delivered", { attempts: tried(null) }))).toBe("The test was delivered.");
    const attempts = tried("The endpoint answered 500.");
    const late = { attempts, nextAttemptAt: "2026-01-05T12:00:00Z" };
    expect(text(delivery("pending", late))).toMatch(
      /^The test was rejected\. The endpoint answered 500\. Next attempt at .+\.$/,
    );
    expect(text(delivery("failed", { attempts }))).toContain("answered 500");
    expect(text(delivery("failed", { attempts, reason: "Given up." }))).toContain("Given up.");
    expect(text(delivery("skipped", { reason: "It is too late." }))).toBe(
      "The test was not sent. It is too late.",
    );
  });

  it("are over in a final state", () => {
    const states: DeliveryState[] = ["pending", "delivering", "delivered", "failed", "skipped"];
    expect(states.filter((state) => isOver(delivery(state)))).toEqual([
      "delivered",
      "failed",
      "skipped",
    ]);
  });

  it("are polled until they are over, or the waits are used up", async () => {
    const waits = [0, 0, 0, 0];
    const run = async (found: (Delivery | null)[]): Promise<(DeliveryState | null)[]> => {
      const states: (DeliveryState | null)[] = [];
      const results = found[Symbol.iterator]();
      await pollDelivery(
        () => Promise.resolve(results.next().value ?? null),
        (polled) => states.push(polled?.state ?? null),
        waits,
      );
      return states;
    };
    const done = [null, delivery("delivering"), delivery("delivered"), delivery("pending")];
    expect(await run(done)).toEqual([null, "delivering", "delivered"]);
    expect(await run(Array<Delivery>(9).fill(delivery("pending")))).toHaveLength(waits.length);
  });
});
