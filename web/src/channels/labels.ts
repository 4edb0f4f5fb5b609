// Texts of notification channels: types, states and deliveries.
import type { Channel, ChannelKind, ChannelType, Delivery } from "../api/bodies";
import { formatTime, formatDateTime } from "../format/dates";

export interface ChannelTypeTexts {
  name: string;
  /** The label of the address, and an example. */
  label: string;
  example: string;
  hint: string;
  /** Where to find the verification code. */
  code: string;
}

export const CHANNEL_TYPES: Record<ChannelType, ChannelTypeTexts> = {
  email: {
    name: "Email",
    label: "Email address",
    example: "you@example.com",
    hint: "We'll send a 6-digit code.",
    code: "Enter the 6-digit code from the email.",
  },
  sms: {
    name: "SMS",
    label: "Phone number",
    example: "+1 415 555 0123",
    hint: "Include the country code. We'll send a 6-digit code.",
    code: "Enter the 6-digit code from the message.",
  },
  webhook: {
    name: "Webhook",
    label: "Webhook URL",
    example: "https://example.com/alerts",
    hint: "We'll POST a verification code; paste it below.",
    code: "Find it in data.challenge of the channel.verification event.",
  },
  slack: {
    name: "Slack",
    label: "Slack webhook URL",
    example: "https://hooks.slack.com/services/…",
    hint: "From an incoming webhook of a Slack app. We'll post a 6-digit code.",
    code: "Enter the 6-digit code from the Slack channel.",
  },
  discord: {
    name: "Discord",
    label: "Discord webhook URL",
    example: "https://discord.com/api/webhooks/…",
    hint: "From the channel's settings, Integrations. We'll post a 6-digit code.",
    code: "Enter the 6-digit code from the Discord channel.",
  },
  teams: {
    name: "Microsoft Teams",
    label: "Teams workflow URL",
    example: "https://….logic.azure.com/workflows/…",
    hint: "From the workflow “Send webhook alerts to a channel”. We'll post a 6-digit code.",
    code: "Enter the 6-digit code from the Teams channel.",
  },
};

export const TYPES = Object.keys(CHANNEL_TYPES) as ChannelType[];

/** What a channel can get. */
export const KINDS: Record<ChannelKind, { name: string; hint: string }> = {
  alert: { name: "Budget alerts", hint: "A budget reaches a threshold" },
  anomaly: { name: "Anomalies", hint: "Unusual or missing costs" },
  forecast: { name: "Limit forecasts", hint: "The monthly limit will be reached" },
  low_balance: { name: "Low balance", hint: "The prepaid balance runs out" },
  daily_digest: { name: "Daily digest", hint: "Yesterday's calls and costs" },
  weekly_digest: { name: "Weekly digest", hint: "Last week's calls and costs, on Monday" },
  unpriced: { name: "Usage without a price", hint: "Costs that count at 0" },
};

export const USERS_KINDS: readonly ChannelKind[] = [
  "alert",
  "anomaly",
  "forecast",
  "low_balance",
  "daily_digest",
  "weekly_digest",
];
export const ADMINISTRATORS_KINDS: readonly ChannelKind[] = ["alert", "unpriced"];

/** The kinds that a channel gets when it is added on the page. */
export const firstKinds = (user: string | null): ChannelKind[] =>
  user === null
    ? [...ADMINISTRATORS_KINDS]
    : USERS_KINDS.filter((kind) => !kind.endsWith("_digest"));

/** What a channel gets and when it is quiet, such as "Budget alerts, anomalies · quiet 22:00–07:00". */
export function settingsText({ kinds, quietHours }: Pick<Channel, "kinds" | "quietHours">): string {
  const names = kinds.map((kind) => KINDS[kind].name.toLowerCase()).join(", ");
  const gets = names ? names.charAt(0).toUpperCase() + names.slice(1) : "No notifications";
  return quietHours ? `${gets} · quiet ${quietHours.start}–${quietHours.end}` : gets;
}

/** A channel's status: label, tone and what to do. */
export interface ChannelStatus {
  label: string;
  tone: "good" | "warn" | "bad";
  text: string;
}

export function channelStatus({ state, reason }: Channel): ChannelStatus {
  if (state === "verified") return { label: "Verified", tone: "good", text: "" };
  if (state === "unverified")
    return {
      label: "Not verified",
      tone: "warn",
      text: "Enter the code to activate.",
    };
  const why = reason ?? "Deliveries failed.";
  return {
    label: "Disabled",
    tone: "bad",
    text: `${why} Send a new code and enter it to reactivate.`,
  };
}

/** The last delivery and later failures; empty for a new channel. */
export function channelHistory({ state, deliveredAt, failures }: Channel): string {
  if (state === "unverified" && deliveredAt === null && Number(failures) === 0) return "";
  const last = deliveredAt ? `Last delivered ${formatDateTime(deliveredAt)}` : "No deliveries yet";
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
  if (delivery === null) return `${what} will be sent shortly.`;
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
      if (error === null) return `${what} will be sent shortly.`;
      return `${what} was rejected. ${error} ${again(delivery.nextAttemptAt)}`.trim();
  }
}

const again = (at: string | null): string => (at ? `Next attempt at ${formatTime(at)}.` : "");

// Waits between polls: about 20 s in total.
const WAITS_MS = [500, 500, 1_000, 2_000, 3_000, 5_000, 8_000];

/** Polls a delivery until it reaches a final state; `report` receives each result. */
export async function pollDelivery(
  readDelivery: () => Promise<Delivery | null>,
  report: (delivery: Delivery | null) => void,
  waits_ms: readonly number[] = WAITS_MS,
): Promise<void> {
  for (const wait_ms of waits_ms) {
    await new Promise((resolve) => setTimeout(resolve, wait_ms));
    const delivery = await readDelivery();
    report(delivery);
    if (delivery && isOver(delivery)) return;
  }
}
