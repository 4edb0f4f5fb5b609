// Texts of anomalies.
import type { Anomaly } from "../api/bodies";
import { serviceName } from "../format/names";

type Leg = NonNullable<Anomaly["leg"]>;

const LEGS: Record<Leg, string> = {
  telephony: "telephony",
  speech_recognition: "speech recognition",
  inference: "inference",
  speech_synthesis: "speech synthesis",
};

export const legName = (leg: Leg): string => LEGS[leg];

export function anomalyTitle({ kind, service, leg }: Anomaly): string {
  if (kind === "missing_leg") return leg ? `Missing ${legName(leg)} cost` : "Missing cost";
  if (kind === "silent_call") return "Silent call that keeps costing";
  if (kind === "abandoned_call") return "Call without an end";
  const subject = kind === "call_spike" ? "call" : "day";
  return `Unusually expensive ${service === null ? "" : `${serviceName(service)} `}${subject}`;
}
