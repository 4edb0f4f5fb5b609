// Texts of notification channels: their types, settings and states.
import type { Channel, ChannelKind, ChannelType } from "../api/bodies";
import { formatDateTime } from "../format/dates";
import { capitalize } from "../format/names";

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

/** What a channel can receive. */
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

/** The kinds that a new channel receives. */
export const defaultKinds = (user: string | null): ChannelKind[] =>
  user === null
    ? [...ADMINISTRATORS_KINDS]
    : USERS_KINDS.filter((kind) => !kind.endsWith("_digest"));

/** "Budget alerts, anomalies · quiet 22:00–07:00". */
export function settingsText({ kinds, quietHours }: Pick<Channel, "kinds" | "quietHours">): string {
  const names = kinds.map((kind) => KINDS[kind].name.toLowerCase()).join(", ");
  const text = capitalize(names || "no notifications");
  return quietHours ? `${text} · quiet ${quietHours.start}–${quietHours.end}` : text;
}

export interface ChannelStatus {
  label: string;
  tone: "good" | "warn" | "bad";
  /** What to do; empty for a verified channel. */
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
