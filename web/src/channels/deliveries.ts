// Deliveries to a channel: their texts, and polling until one is in a final state.
import type { Delivery } from "../api/bodies";
import { formatTime } from "../format/dates";

export function isFinal({ state }: Delivery): boolean {
  return state === "delivered" || state === "failed" || state === "skipped";
}

/** "The test was delivered."; `delivery` is null if it is not listed yet. */
export function deliveryText(subject: string, delivery: Delivery | null): string {
  if (delivery === null) return `${subject} will be sent shortly.`;
  const error = delivery.attempts.at(-1)?.error ?? null;
  switch (delivery.state) {
    case "delivered":
      return `${subject} was delivered.`;
    case "failed":
      return `${subject} was not delivered. ${delivery.reason ?? error ?? ""}`.trim();
    case "skipped":
      return `${subject} was not sent. ${delivery.reason ?? ""}`.trim();
    case "delivering":
      return `${subject} is being sent.`;
    case "pending":
      if (error === null) return `${subject} will be sent shortly.`;
      return `${subject} was rejected. ${error} ${nextAttempt(delivery.nextAttemptAt)}`.trim();
  }
}

const nextAttempt = (at: string | null): string => (at ? `Next attempt at ${formatTime(at)}.` : "");

// Waits between polls: about 20 s in total.
const WAITS_MS = [500, 500, 1_000, 2_000, 3_000, 5_000, 8_000];

/** Polls a delivery until it is in a final state; `report` receives each result. */
export async function pollDelivery(
  readDelivery: () => Promise<Delivery | null>,
  report: (delivery: Delivery | null) => void,
  waitsMs: readonly number[] = WAITS_MS,
): Promise<void> {
  for (const waitMs of waitsMs) {
    await new Promise((resolve) => setTimeout(resolve, waitMs));
    const delivery = await readDelivery();
    report(delivery);
    if (delivery && isFinal(delivery)) return;
  }
}
