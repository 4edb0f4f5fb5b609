// Messages of the live socket. An invalid message is dropped as a whole.
import type { Alert, Budget, LiveCall as WireCall } from "../api/bodies";
import { parseExact } from "../api/json";

/** A call with its numbers converted and the time of its message. */
export interface LiveCall extends Omit<WireCall, "elapsed_seconds" | "version"> {
  elapsedSeconds: number;
  version: number;
  /** When it arrived, by performance.now(); elapsed time counts from then. */
  receivedMs: number;
}

export type LiveMessage =
  | { type: "snapshot"; calls: LiveCall[]; budget: Budget | null }
  | { type: "call"; call: LiveCall }
  | { type: "alert"; alert: Alert }
  | { type: "budget"; budget: Budget };

interface WireMessage {
  type?: string;
  calls?: WireCall[];
  call?: WireCall;
  alert?: Alert;
  budget?: Budget | null;
}

/** Returns the message, or null for one that is not used, such as a pong. */
export function readMessage(text: string, nowMs: number): LiveMessage | null {
  let wire: WireMessage;
  try {
    wire = parseExact<WireMessage>(text);
  } catch {
    return null;
  }
  const read = (call: WireCall): LiveCall => readCall(call, nowMs);
  if (wire.type === "snapshot" && Array.isArray(wire.calls))
    return { type: "snapshot", calls: wire.calls.map(read), budget: wire.budget ?? null };
  if (wire.type === "call" && wire.call) return { type: "call", call: read(wire.call) };
  if (wire.type === "alert" && wire.alert) return { type: "alert", alert: wire.alert };
  if (wire.type === "budget" && wire.budget) return { type: "budget", budget: wire.budget };
  return null;
}

function readCall(wire: WireCall, nowMs: number): LiveCall {
  const { elapsed_seconds, version, ...call } = wire;
  return {
    ...call,
    elapsedSeconds: Number(elapsed_seconds),
    version: Number(version),
    receivedMs: nowMs,
  };
}
