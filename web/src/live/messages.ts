// Messages of the live socket. An invalid message is dropped as a whole.
import type { Alert, Budget, CallStatus, CostByService } from "../api/bodies";
import { parseExact, type Decimal } from "../api/json";

export interface LiveCall {
  callId: string;
  userId: string;
  personaId: string | null;
  status: CallStatus;
  startedAt: string | null;
  elapsedSeconds: number;
  totalCost: Decimal;
  costByService: CostByService;
  chargedToUser: Decimal;
  projectedCost: Decimal | null;
  version: number;
  updatedAt: string;
  /** When it arrived, by performance.now(); elapsed time counts from then. */
  receivedMs: number;
}

export type LiveMessage =
  | { type: "snapshot"; calls: LiveCall[]; budget: Budget | null }
  | { type: "call"; call: LiveCall }
  | { type: "alert"; alert: Alert }
  | { type: "budget"; budget: Budget };

interface WireCall extends Omit<LiveCall, "elapsedSeconds" | "version" | "receivedMs"> {
  elapsed_seconds: Decimal;
  version: Decimal;
}

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
  return {
    callId: wire.callId,
    userId: wire.userId,
    personaId: wire.personaId ?? null,
    status: wire.status,
    startedAt: wire.startedAt ?? null,
    elapsedSeconds: Number(wire.elapsed_seconds ?? 0),
    totalCost: wire.totalCost,
    costByService: wire.costByService ?? {},
    chargedToUser: wire.chargedToUser ?? "0",
    projectedCost: wire.projectedCost ?? null,
    version: Number(wire.version),
    updatedAt: wire.updatedAt,
    receivedMs: nowMs,
  };
}
