// Places a call's events in time, each with the running cost.
import type { CallEvent } from "../api/bodies";
import { decimal, nano } from "../format/decimal";
import type { Rounding } from "./roundings";

/** An event, or the rounding of a leg, which has a line of its own. */
export type EventLine = CallEvent & { rounding?: Rounding };

export interface Mark {
  event: EventLine;
  /** Seconds since the first event. */
  at: number;
  /** Running cost in nano-dollars, this event included. */
  running: bigint;
}

/** Lists events, and the roundings of a settlement at the end of the call, when they count. */
export function eventLines(events: CallEvent[]): EventLine[] {
  const lines: EventLine[] = [];
  const rounded: EventLine[] = [];
  for (const event of events) {
    const roundings = roundingsOf(event);
    const rest = roundings.reduce(
      (nanos, { totalCost }) => nanos - nano(totalCost),
      nano(event.totalCost),
    );
    lines.push(roundings.length ? { ...event, totalCost: decimal(rest) } : event);
    for (const [index, rounding] of roundings.entries()) {
      const { service, operation, model, legId, totalCost } = rounding;
      const id = `${event.id}/${String(index)}`;
      const own = { id, service, operation, model, legId, totalCost, amount: "0", rounding };
      rounded.push({ ...event, ...own, tags: {} });
    }
  }
  const end = lines.findLastIndex(({ type }) => type === "call.ended");
  const time = lines[end]?.time;
  const at = end < 0 ? lines.length : end + 1;
  lines.splice(at, 0, ...rounded.map((line) => ({ ...line, time: time ?? line.time })));
  return lines;
}

const roundingsOf = ({ type, data }: CallEvent): Rounding[] =>
  type === "call.settled" ? ((data as { roundings?: Rounding[] } | null)?.roundings ?? []) : [];

export function timelineMarks(events: EventLine[]): Mark[] {
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
  "call.updated": "Call updated",
  "cost.recorded": "Cost recorded",
  "cost.voided": "Cost voided",
  "call.charged": "Charged",
  "call.refunded": "Refunded",
  "call.ended": "Call ended",
  "call.settled": "Infrastructure and charge added",
};

export const eventName = ({ type, rounding }: EventLine): string =>
  rounding ? "Leg rounded" : (NAMES[type] ?? type);
