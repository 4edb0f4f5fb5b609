// Texts of forecasts and anomalies.
import type { Anomaly, Interval, LimitForecast, Recommendation } from "../api/bodies";
import { formatMoneyBrief } from "../format/money";
import { formatDay } from "../format/dates";
import { serviceName } from "../format/names";

const SURE = [
  { from: 0.7, word: "high" },
  { from: 0.35, word: "fair" },
  { from: 0.01, word: "low" },
];

/** A forecast's confidence (0 to 1) as a word. */
export function confidenceLabel(confidence: number): string {
  return SURE.find(({ from }) => confidence >= from)?.word ?? "none";
}

export function formatInterval({ low, high }: Interval): string {
  return `${formatMoneyBrief(low)} to ${formatMoneyBrief(high)}`;
}

/** When a limit is expected to be reached; `span` names the horizon. */
export function limitForecastText({ isReached, reachedOn }: LimitForecast, span: string): string {
  if (isReached) return "reached already";
  return reachedOn ? `expected to be reached on ${formatDay(reachedOn)}` : `not in sight ${span}`;
}

export const RECOMMENDATION_TITLES: Record<Recommendation["kind"], string> = {
  model_choice: "Another model",
  phrase_caching: "Phrases kept as sound",
  prepaid_bundle: "Prepaid bundles",
  shorter_replies: "Shorter replies",
};

const LEGS: Record<NonNullable<Anomaly["leg"]>, string> = {
  telephony: "telephony",
  speech_recognition: "speech recognition",
  inference: "inference",
  speech_synthesis: "speech synthesis",
};

/** The title of an anomaly. */
export function anomalyTitle({ kind, service, leg }: Anomaly): string {
  if (kind === "missing_leg") return leg ? `No cost for ${LEGS[leg]}` : "A cost is missing";
  const of = service === null ? "" : ` at ${serviceName(service)}`;
  return kind === "call_spike" ? `A dear call${of}` : `A dear day${of}`;
}
