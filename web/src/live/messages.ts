// Messages of the live feed, with the numbers of calls converted.
import type { Alert, Budget, LiveMessage as WireMessage } from "cost-analytics-client";
import type { LiveCall as WireCall } from "../api/bodies";

/** A call with converted numbers and the time of its message. */
export interface LiveCall extends Omit<WireCall, "elapsed_seconds" | "version"> {
  elapsedSeconds: number;
  version: number;
  /** performance.now() at its arrival: `elapsedSeconds` is that of this time. */
  receivedMs: number;
}

export type LiveMessage =
  | { type: "snapshot"; calls: LiveCall[]; budget: Budget | null }
  | { type: "call"; call: LiveCall }
  | { type: "alert"; alert: Alert }
  | { type: "budget"; budget: Budget };

/** Returns a message with its calls converted. */
export function convertMessage(wire: WireMessage, nowMs: number): LiveMessage {
  const convert = (call: WireCall): LiveCall => convertCall(call, nowMs);
  if (wire.type === "snapshot") return { ...wire, calls: wire.calls.map(convert) };
  if (wire.type === "call") return { ...wire, call: convert(wire.call) };
  return wire;
}

function convertCall(wire: WireCall, nowMs: number): LiveCall {
  const { elapsed_seconds, version, ...call } = wire;
  return {
    ...call,
    elapsedSeconds: Number(elapsed_seconds),
    version: Number(version),
    receivedMs: nowMs,
  };
}
