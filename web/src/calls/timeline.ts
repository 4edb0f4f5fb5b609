// Places a call's events in time, each with the running cost.
import type { CallEvent } from "../api/bodies";
import { nano } from "../format/decimal";

export interface Mark {
  event: CallEvent;
  /** Seconds since the first event. */
  at: number;
  /** Running cost in nano-dollars, this event included. */
  running: bigint;
}

export function timelineMarks(events: CallEvent[]): Mark[] {
  const first = Math.min(...events.map((event) => Date.parse(event.time)));
  let running = 0n;
  return events.map((event) => {
    // A voided cost and its void count as zero.
    if (!event.voided) running += nano(event.totalCost);
    return { event, at: (Date.parse(event.time) - first) / 1000, running };
  });
}

const NAMES: Record<string, string> = {
  "call.started": "Call started",
  "cost.recorded": "Cost recorded",
  "cost.voided": "Cost voided",
  "call.charged": "Charged",
  "call.refunded": "Refunded",
  "call.ended": "Call ended",
  "call.settled": "Infrastructure and charge added",
};

export const eventName = (type: string): string => NAMES[type] ?? type;
