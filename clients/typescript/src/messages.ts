// Messages of the live feed. An invalid message is dropped as a whole.
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

/** Returns the message, or null for one that is not used, such as a pong. */
export function readMessage(text: string): LiveMessage | null {
  try {
    const message = parseExact<Record<string, unknown>>(text);
    const content = message[CONTENT[message["type"] as string] ?? ""];
    if (typeof content !== "object" || content === null) return null;
    return message as unknown as LiveMessage;
  } catch {
    return null;
  }
}
