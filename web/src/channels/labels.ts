// Texts of notification channels: types, states and deliveries.
import type { Channel, ChannelType, Delivery } from "../api/bodies";
import { formatTime, formatDateTime } from "../format/dates";

export interface Way {
  name: string;
  /** The label of the address, and an example. */
  label: string;
  example: string;
  hint: string;
  /** Where to find the verification code. */
  code: string;
}

export const CHANNEL_TYPES: Record<ChannelType, Way> = {
  email: {
    name: "Email",
    label: "Email address",
    example: "you@example.com",
    hint: "Six digits are sent there, to be typed here.",
    code: "The six digits of the email.",
  },
  sms: {
    name: "SMS",
    label: "Phone number",
    example: "+1 415 555 0123",
    hint: "With its country code. Six digits are sent there, to be typed here.",
    code: "The six digits of the message.",
  },
  webhook: {
    name: "Webhook",
    label: "Address that is called",
    example: "https://example.com/alerts",
    hint: "A signed event with a code is sent there, to be pasted here.",
    code: "It came as data.challenge of the event channel.verification.",
  },
};

export const TYPES = Object.keys(CHANNEL_TYPES) as ChannelType[];

/** A channel's status: label, tone and what to do. */
export interface ChannelStatus {
  word: string;
  look: "good" | "warn" | "bad";
  text: string;
}

export function channelStatus({ state, reason }: Channel): ChannelStatus {
  if (state === "verified") return { word: "Verified", look: "good", text: "" };
  if (state === "unverified")
    return {
      word: "Not verified",
      look: "warn",
      text: "Nothing is told here before the code is entered.",
    };
  const why = reason ?? "It did not take what was sent.";
  return {
    word: "Switched off",
    look: "bad",
    text: `${why} Have a new code sent and enter it to go on.`,
  };
}

/** The last delivery and later failures; empty for a new channel. */
export function channelHistory({ state, deliveredAt, failures }: Channel): string {
  if (state === "unverified" && deliveredAt === null && Number(failures) === 0) return "";
  const last = deliveredAt
    ? `Last delivered ${formatDateTime(deliveredAt)}`
    : "Nothing delivered yet";
  const failed = Number(failures);
  if (failed === 0) return `${last}.`;
  return `${last}, ${failed} failed ${failed === 1 ? "attempt" : "attempts"} since.`;
}

/** The delivery has reached a final state. */
export function isOver({ state }: Delivery): boolean {
  return state === "delivered" || state === "failed" || state === "skipped";
}

/** The state of a delivery such as "The test"; `delivery` is null if not listed yet. */
export function deliveryText(what: string, delivery: Delivery | null): string {
  if (delivery === null) return `${what} is about to be sent.`;
  const error = delivery.attempts.at(-1)?.error ?? null;
  switch (delivery.state) {
    case "delivered":
      return `${what} was delivered.`;
    case "failed":
      return `${what} was not delivered. ${delivery.reason ?? error ?? ""}`.trim();
    case "skipped":
      return `${what} was not sent. ${delivery.reason ?? ""}`.trim();
    case "delivering":
      return `${what} is being sent.`;
    case "pending":
      if (error === null) return `${what} is about to be sent.`;
      return `${what} was not taken. ${error} ${again(delivery.nextAttemptAt)}`.trim();
  }
}

const again = (at: string | null): string =>
  at ? `The next attempt is at ${formatTime(at)}.` : "";

// Waits between polls: about 20 s in total.
const LOOKS_MS = [500, 500, 1_000, 2_000, 3_000, 5_000, 8_000];

/** Polls a delivery until it reaches a final state; `said` receives each result. */
export async function pollDelivery(
  look: () => Promise<Delivery | null>,
  said: (delivery: Delivery | null) => void,
  looks_ms: readonly number[] = LOOKS_MS,
): Promise<void> {
  for (const wait_ms of looks_ms) {
    await new Promise((resolve) => setTimeout(resolve, wait_ms));
    const found = await look();
    said(found);
    if (found && isOver(found)) return;
  }
}
