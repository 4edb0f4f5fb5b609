import { describe, expect, it } from "vitest";
import { deliveryText, pollDelivery, channelHistory, isOver, channelStatus } from "./labels";
import type { Channel, Delivery, DeliveryState } from "../api/bodies";

const channel = (change: Partial<Channel>): Channel =>
  ({ state: "verified", reason: null, deliveredAt: null, failures: "0", ...change }) as Channel;

const delivery = (state: DeliveryState, change: Partial<Delivery> = {}): Delivery =>
  ({ state, reason: null, nextAttemptAt: null, attempts: [], ...change }) as Delivery;

const tried = (error: string | null) => [{ error }] as Delivery["attempts"];

describe("channels", () => {
  it("say how they stand and what to do", () => {
    expect(channelStatus(channel({}))).toMatchObject({ tone: "good", text: "" });
    expect(channelStatus(channel({ state: "unverified" })).text).toMatch(/Enter the code/);
    const off = channelStatus(channel({ state: "disabled", reason: "The endpoint is gone." }));
    expect(off.tone).toBe("bad");
    expect(off.text).toMatch(/^The endpoint is gone\. Send a new code/);
    expect(channelStatus(channel({ state: "disabled" })).text).not.toContain("null");
  });

  it("say what was delivered and what failed since", () => {
    expect(channelHistory(channel({}))).toBe("No deliveries yet.");
    expect(channelHistory(channel({ state: "unverified" }))).toBe("");
    expect(channelHistory(channel({ failures: "1" }))).toMatch(/1 failed attempt since/);
    const some = channelHistory(channel({ deliveredAt: "2026-01-05T12:00:00Z", failures: "12" }));
    expect(some).toMatch(/^Last delivered .*2026.*, 12 failed attempts since\.$/);
  });
});

describe("deliveries", () => {
  it("say what became of them", () => {
    const said = (one: Delivery | null): string => deliveryText("The test", one);
    expect(said(null)).toBe("The test will be sent shortly.");
    expect(said(delivery("pending"))).toBe("The test will be sent shortly.");
    expect(said(delivery("delivering"))).toBe("The test is being sent.");
    expect(said(delivery("delivered", { attempts: tried(null) }))).toBe("The test was delivered.");
    const attempts = tried("The endpoint answered 500.");
    const late = { attempts, nextAttemptAt: "2026-01-05T12:00:00Z" };
    expect(said(delivery("pending", late))).toMatch(
      /^The test was rejected\. The endpoint answered 500\. Next attempt at .+\.$/,
    );
    expect(said(delivery("failed", { attempts }))).toContain("answered 500");
    expect(said(delivery("failed", { attempts, reason: "Given up." }))).toContain("Given up.");
    expect(said(delivery("skipped", { reason: "It is too late." }))).toBe(
      "The test was not sent. It is too late.",
    );
  });

  it("are over when nothing more will happen", () => {
    const states: DeliveryState[] = ["pending", "delivering", "delivered", "failed", "skipped"];
    expect(states.filter((state) => isOver(delivery(state)))).toEqual([
      "delivered",
      "failed",
      "skipped",
    ]);
  });

  it("are followed until they are over, or patience is", async () => {
    const waits = [0, 0, 0, 0];
    const run = async (found: (Delivery | null)[]): Promise<(DeliveryState | null)[]> => {
      const heard: (DeliveryState | null)[] = [];
      const results = found[Symbol.iterator]();
      await pollDelivery(
        () => Promise.resolve(results.next().value ?? null),
        (one) => heard.push(one?.state ?? null),
        waits,
      );
      return heard;
    };
    const done = [null, delivery("delivering"), delivery("delivered"), delivery("pending")];
    expect(await run(done)).toEqual([null, "delivering", "delivered"]);
    expect(await run(Array<Delivery>(9).fill(delivery("pending")))).toHaveLength(waits.length);
  });
});
