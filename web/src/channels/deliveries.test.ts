import { describe, expect, it } from "vitest";
import type { Delivery, DeliveryState } from "../api/bodies";
import { deliveryText, isFinal, pollDelivery } from "./deliveries";

const delivery = (state: DeliveryState, change: Partial<Delivery> = {}): Delivery =>
  ({ state, reason: null, nextAttemptAt: null, attempts: [], ...change }) as Delivery;

const attempted = (error: string | null) => [{ error }] as Delivery["attempts"];

describe("deliveries", () => {
  it("have a text for each state", () => {
    const text = (delivered: Delivery | null): string => deliveryText("The test", delivered);
    expect(text(null)).toBe("The test will be sent shortly.");
    expect(text(delivery("pending"))).toBe("The test will be sent shortly.");
    expect(text(delivery("delivering"))).toBe("The test is being sent.");
    expect(text(delivery("delivered", { attempts: attempted(null) }))).toBe(
      "The test was delivered.",
    );
    const attempts = attempted("The endpoint answered 500.");
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

  it("are final when delivered, failed or skipped", () => {
    const states: DeliveryState[] = ["pending", "delivering", "delivered", "failed", "skipped"];
    expect(states.filter((state) => isFinal(delivery(state)))).toEqual([
      "delivered",
      "failed",
      "skipped",
    ]);
  });

  it("are polled until they are final, or no wait is left", async () => {
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
