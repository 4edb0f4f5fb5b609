// Describes the outcome of a key's last report, or of an endpoint's last delivery.
import type { ApiKeyReport, WebhookEndpointItem } from "../api/bodies";
import { formatMoneyBrief } from "../format/money";
import { pluralize } from "../format/numbers";

type Tone = "good" | "warn" | "bad" | "none";

export interface Outcome {
  tone: Tone;
  /** A few words, for the badge. */
  title: string;
  text: string;
  /** When it happened, in ISO format. */
  at: string | null;
  /** The call to open, if one was counted. */
  callId?: string;
}

interface Moments {
  acceptedAt: string | null;
  refusedAt: string | null;
  refusal: string | null;
}

const isRefused = ({ acceptedAt, refusedAt }: Moments): boolean =>
  refusedAt !== null && (acceptedAt === null || Date.parse(refusedAt) > Date.parse(acceptedAt));

/** The last report, if it was refused at once. */
const refusalOf = (moments: Moments): Outcome | null =>
  isRefused(moments)
    ? { tone: "bad", title: "Refused", text: plain(moments.refusal ?? ""), at: moments.refusedAt }
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
      text: `An event of call ${callId} was refused: ${plain(refusedEvent.message)}`,
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
      text: `${events(call.heldEvents)} of call ${call.callId} will be counted once an event of the call names its user (userId).`,
      at,
    };
  return {
    tone: "good",
    title: "Connected",
    text: `${events(call.events)} of call ${call.callId} of ${call.userId}, ${formatMoneyBrief(call.totalCost)} so far.`,
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

/** The server's words without the backticks around names. */
const plain = (text: string): string => text.replaceAll("`", "");

const events = (count: string): string => pluralize(count, "event", "events");
