// Messages of the live feed.
import { parseExact } from "./json.js";
import type { ListedAlert, LiveBudget, LiveChange, LiveSnapshot } from "./schema.js";

/** An alert as the live feed sends it. */
export type Alert = Omit<ListedAlert, "readAt">;

export type LiveMessage = LiveSnapshot | LiveChange | LiveBudget | { type: "alert"; alert: Alert };

const CONTENT: Record<string, string> = {
  snapshot: "calls",
  call: "call",
  alert: "alert",
  budget: "budget",
};

/** Returns the message, or null for one that is not used, such as a pong, or that is invalid. */
export function readMessage(text: string): LiveMessage | null {
  try {
    return decodeMessage(text);
  } catch {
    return null;
  }
}

/** Returns the message, or null for a type that is not used; raises an error for an invalid one. */
export function decodeMessage(data: unknown): LiveMessage | null {
  if (typeof data !== "string") throw new TypeError("a message is not a text");
  const message = parseExact<Record<string, unknown>>(data);
  const type = message["type"];
  if (typeof type !== "string") throw new TypeError("a message has no type");
  const name = Object.hasOwn(CONTENT, type) ? CONTENT[type] : undefined;
  if (name === undefined) return null;
  const content = message[name];
  if (typeof content !== "object" || content === null)
    throw new TypeError(`a message of type ${type} has no content`);
  return message as unknown as LiveMessage;
}
