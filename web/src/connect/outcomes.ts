// Describes the outcome of a key's last report, or of an endpoint's last webhook.
import type { ApiKeyReport, WebhookEndpointItem } from "../api/bodies";
import { formatMoneyBrief } from "../format/money";
import { pluralize } from "../format/numbers";

type Tone = "good" | "warn" | "bad" | "none";

export interface Outcome {
  tone: Tone;
  /** For the badge. */
  title: string;
  text: string;
  /** When it happened, in ISO format. */
  at: string | null;
  /** The call, if its event was counted. */
  callId?: string;
}

/** The times of the last results of a key or an endpoint. */
interface LastResults {
  acceptedAt: string | null;
  refusedAt: string | null;
  refusal: string | null;
}

const isRefused = ({ acceptedAt, refusedAt }: LastResults): boolean =>
  refusedAt !== null && (acceptedAt === null || Date.parse(refusedAt) > Date.parse(acceptedAt));

/** Returns the outcome if the last request was refused, else null. */
const refusalOf = (last: LastResults): Outcome | null =>
  isRefused(last)
    ? {
        tone: "bad",
        title: "Refused",
        text: withoutBackticks(last.refusal ?? ""),
        at: last.refusedAt,
      }
    : null;

export function keyOutcome({ item, callId, call, refusedEvent }: ApiKeyReport): Outcome {
  const refused = refusalOf(item);
  if (refused) return refused;
  const at = item.acceptedAt;
  if (at === null)
    return {
      tone: "none",
      title: "Waiting for the first event",
      text: "No request has used this key yet. A mistyped key is refused with 401 and can't be shown here.",
      at: null,
    };
  if (callId === null)
    return {
      tone: "warn",
      title: "Accepted",
      text: "A request arrived, but it had no cost of a call yet.",
      at,
    };
  if (refusedEvent)
    return {
      tone: "bad",
      title: "Not counted",
      text: `An event of call ${callId} was refused: ${withoutBackticks(refusedEvent.message)}`,
      at: refusedEvent.refusedAt,
    };
  if (call === null)
    return {
      tone: "warn",
      title: "Accepted",
      text: "The event is on its way and is usually counted within a second.",
      at,
    };
  if (call.userId === null)
    return {
      tone: "warn",
      title: "No user",
      text: `${eventCount(call.heldEvents)} of call ${call.callId} will be counted once an event of the call names its user (userId).`,
      at,
    };
  return {
    tone: "good",
    title: "Connected",
    text: `${eventCount(call.events)} of call ${call.callId} of ${call.userId}, ${formatMoneyBrief(call.totalCost)} so far.`,
    at,
    callId: call.callId,
  };
}

export function endpointOutcome(endpoint: WebhookEndpointItem): Outcome {
  const refused = refusalOf(endpoint);
  if (refused) return refused;
  if (endpoint.acceptedAt === null)
    return {
      tone: "none",
      title: "Waiting for the first webhook",
      text: "Nothing was sent to this address yet.",
      at: null,
    };
  return {
    tone: "good",
    title: "Connected",
    text: "The last webhook was accepted. Its call is on the page Live.",
    at: endpoint.acceptedAt,
  };
}

const withoutBackticks = (message: string): string => message.replaceAll("`", "");

const eventCount = (count: string): string => pluralize(count, "event", "events");
