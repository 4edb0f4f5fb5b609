// Texts of forecasts and anomalies.
import type { Anomaly, Interval, LimitForecast, Recommendation } from "../api/bodies";
import { paceText } from "../budget/basis";
import { formatMoneyBrief } from "../format/money";
import { formatDay } from "../format/dates";
import { capitalize, serviceName } from "../format/names";

const CONFIDENCE_LABELS = [
  { from: 0.7, word: "High" },
  { from: 0.35, word: "Fair" },
  { from: 0.01, word: "Low" },
];

/** A forecast's confidence (0 to 1) as a word. */
export function confidenceLabel(confidence: number): string {
  return CONFIDENCE_LABELS.find(({ from }) => confidence >= from)?.word ?? "No";
}

export function formatInterval({ low, high }: Interval): string {
  return `${formatMoneyBrief(low)} – ${formatMoneyBrief(high)}`;
}

/** When a limit is expected to be reached; `span` names the horizon. */
export function limitForecastText(limit: LimitForecast, span: string): string {
  const { isReached, reachedOn, reachedIn_seconds } = limit;
  if (isReached) return "Reached";
  if (reachedIn_seconds !== null) return paceText(100, reachedIn_seconds);
  return reachedOn ? `Expected on ${formatDay(reachedOn)}` : `Not expected ${span}`;
}

export const RECOMMENDATION_TITLES: Record<Recommendation["kind"], string> = {
  model_choice: "Cheaper model",
  phrase_caching: "Cached audio",
  prepaid_bundle: "Prepaid bundles",
  shorter_replies: "Shorter replies",
};

const LEGS: Record<NonNullable<Anomaly["leg"]>, string> = {
  telephony: "telephony",
  speech_recognition: "speech recognition",
  inference: "inference",
  speech_synthesis: "speech synthesis",
};

export const legName = (leg: NonNullable<Anomaly["leg"]>): string => capitalize(LEGS[leg]);

/** The title of an anomaly. */
export function anomalyTitle({ kind, service, leg }: Anomaly): string {
  if (kind === "missing_leg") return leg ? `Missing ${LEGS[leg]} cost` : "Missing cost";
  if (kind === "silent_call") return "Silent call that keeps costing";
  if (kind === "abandoned_call") return "Call without an end";
  const what = kind === "call_spike" ? "call" : "day";
  return `Unusually expensive ${service === null ? "" : `${serviceName(service)} `}${what}`;
}
