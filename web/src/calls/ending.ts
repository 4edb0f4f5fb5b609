// Texts of a call's commands, on the page of the call.
import type { CallCommand } from "../api/bodies";

const ENDED_BY = { limit: "its limit", stuck: "the stuck-call rule", hand: "hand" };

export const isUnderWay = ({ state }: CallCommand): boolean =>
  state === "pending" || state === "executing";

/** Says what ended the call, or why it was not ended; empty if the call had ended before. */
export function endingText(command: CallCommand): string {
  const by = ENDED_BY[command.cause];
  if (command.state === "executed") return `Ended by ${by}`;
  if (isUnderWay(command)) return `Being ended by ${by}…`;
  if (command.state === "dry_run") return `Not ended by ${by}: dry run`;
  return command.state === "ended" ? "" : `Couldn't be ended by ${by}`;
}

const STEPS = {
  warn: { done: "Warned near its limit", running: "Being warned near its limit…" },
  downgrade: {
    done: "Asked to use a cheaper model",
    running: "Being asked to use a cheaper model…",
  },
};

/** Says that a step before the end was executed, or why not. */
export function stepText({ kind, state }: CallCommand): string {
  if (kind === "cutoff") return "";
  const { done, running } = STEPS[kind];
  if (state === "executed") return done;
  if (state === "pending" || state === "executing") return running;
  const reason = {
    dry_run: "dry run",
    ended: "too late",
    unsupported: "unsupported",
    failed: "failed",
    expired: "expired",
  }[state];
  return `Not ${done.charAt(0).toLowerCase()}${done.slice(1)}: ${reason}`;
}
