// Texts of commands: their kinds, causes, states and attempts.
import type { CallCommand, CommandAttempt, CommandMode, ListedCommand } from "../api/bodies";
import { pluralize } from "../format/numbers";

type State = CallCommand["state"];

export const STATES: Record<State, { label: string; tone: "good" | "warn" | "bad" | "" }> = {
  pending: { label: "Waiting", tone: "warn" },
  executing: { label: "In progress", tone: "warn" },
  executed: { label: "Executed", tone: "good" },
  dry_run: { label: "Dry run", tone: "" },
  ended: { label: "Call had ended", tone: "" },
  unsupported: { label: "Unsupported", tone: "bad" },
  failed: { label: "Failed", tone: "bad" },
  expired: { label: "Expired", tone: "bad" },
};

const CAUSES: Record<CallCommand["cause"], string> = {
  limit: "Call limit reached",
  stuck: "Stuck call",
  hand: "Ended by hand",
};

export const KINDS: Record<CallCommand["kind"], string> = {
  cutoff: "End call",
  warn: "Warn",
  downgrade: "Cheaper model",
};

/** Why a command was requested: its cause, and the reason if that says more. */
export function reasonText({ cause, kind, reason }: CallCommand): string {
  // Steps before the end are requested near the limit.
  const text = kind === "cutoff" ? CAUSES[cause] : "Call limit is near";
  return reason === `${text}.` ? text : `${text} · ${reason}`;
}

export const MODES: Record<CommandMode, { label: string; effect: string }> = {
  execute: { label: "Execute", effect: "Commands are executed." },
  dry_run: { label: "Dry run", effect: "Commands are recorded, and nothing is sent." },
  stopped: { label: "Stopped", effect: "Commands wait, and expire after their deadline." },
};

const ATTEMPTS: Record<NonNullable<CommandAttempt["outcome"]>, string> = {
  executed: "Accepted",
  dry_run: "Not sent",
  ended: "Call had ended",
  unsupported: "No receiver",
  temporary: "Failed, tries again",
  permanent: "Refused",
  interrupted: "Interrupted",
};

export const attemptText = ({ outcome, status }: CommandAttempt): string =>
  `${outcome ? ATTEMPTS[outcome] : "In progress"}${status ? ` (${status})` : ""}`;

export const attemptsText = ({ attempts, target }: ListedCommand): string =>
  `${pluralize(attempts.length, "attempt", "attempts")}${target ? ` through ${target}` : ""}`;
