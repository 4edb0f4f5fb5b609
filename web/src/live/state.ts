// The live state of the pages, changed by live messages. A call never returns to an older version, not
// even by a late message or by a snapshot after a reconnect.
import type { Alert, Budget } from "../api/bodies";
import type { LiveCall, LiveMessage } from "./messages";

const ENDED_MAX = 12;
const VERSIONS_MAX = 5_000;
const ALERTS_MAX = 50;
const RECENT_MS = 10 * 60_000;

/** What a message changed, to be announced. */
export interface Changes {
  started: LiveCall[];
  ended: LiveCall[];
  alerts: Alert[];
}

export class LiveState {
  readonly active = new Map<string, LiveCall>();
  /** Calls that ended while the page was open, latest first. */
  ended: LiveCall[] = [];
  alerts: Alert[] = [];
  budget: Budget | null = null;
  private readonly versions = new Map<string, number>();
  private hasSnapshot = false;

  /** Applies one message. The calls of the first snapshot are not reported as started. */
  apply(message: LiveMessage): Changes {
    const changes: Changes = { started: [], ended: [], alerts: [] };
    if (message.type === "snapshot") this.replaceCalls(message.calls, changes);
    if (message.type === "call") this.updateCall(message.call, changes);
    if (message.type === "alert") this.addAlert(message.alert, changes);
    if (message.type === "snapshot" || message.type === "budget")
      this.budget = message.budget ?? this.budget;
    return changes;
  }

  /** Adds earlier alerts without announcing them. */
  addEarlierAlerts(alerts: Alert[]): void {
    const known = new Set(this.alerts.map((alert) => alert.alertId));
    const earlier = alerts.filter((alert) => !known.has(alert.alertId));
    this.alerts = [...this.alerts, ...earlier]
      .sort((a, b) => Date.parse(b.triggeredAt) - Date.parse(a.triggeredAt))
      .slice(0, ALERTS_MAX);
  }

  private replaceCalls(calls: LiveCall[], changes: Changes): void {
    const inSnapshot = new Set(calls.map((call) => call.callId));
    // Calls missing from the snapshot ended while disconnected.
    for (const callId of this.active.keys())
      if (!inSnapshot.has(callId)) this.active.delete(callId);
    for (const call of calls) this.updateCall(call, changes);
    if (!this.hasSnapshot) changes.started = [];
    this.hasSnapshot = true;
  }

  private updateCall(call: LiveCall, changes: Changes): void {
    const version = this.versions.get(call.callId);
    if (version !== undefined && call.version < version) return;
    if (version === undefined && hasEndedLongAgo(call)) return;
    this.rememberVersion(call);
    const wasActive = this.active.has(call.callId);
    if (call.status === "active") {
      this.active.set(call.callId, call);
      if (!wasActive && version === undefined) changes.started.push(call);
      return;
    }
    this.active.delete(call.callId);
    if (wasActive) changes.ended.push(call);
    const others = this.ended.filter((other) => other.callId !== call.callId);
    // A charge after the end changes the call but not its position.
    if (others.length < this.ended.length)
      this.ended = this.ended.map((other) => (other.callId === call.callId ? call : other));
    else this.ended = [call, ...others].slice(0, ENDED_MAX);
  }

  private addAlert(alert: Alert, changes: Changes): void {
    if (this.alerts.some((other) => other.alertId === alert.alertId)) return;
    this.alerts = [alert, ...this.alerts].slice(0, ALERTS_MAX);
    changes.alerts.push(alert);
  }

  /** Remembers a limited number of versions: those of active calls, and the latest others. */
  private rememberVersion(call: LiveCall): void {
    this.versions.delete(call.callId);
    this.versions.set(call.callId, call.version);
    if (this.versions.size <= VERSIONS_MAX) return;
    for (const oldest of this.versions.keys()) {
      if (this.active.has(oldest)) continue;
      this.versions.delete(oldest);
      return;
    }
  }
}

/** Returns whether a call was recorded so long after its end that it is not recently ended. */
function hasEndedLongAgo(call: LiveCall): boolean {
  if (call.status === "active" || call.startedAt === null) return false;
  const endedMs = Date.parse(call.startedAt) + call.elapsedSeconds * 1000;
  return Date.parse(call.updatedAt) - endedMs > RECENT_MS;
}
