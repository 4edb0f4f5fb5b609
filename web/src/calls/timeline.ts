// A call's events as lines of a table, and as points of a chart with the cumulative cost.
import type { CallEvent } from "../api/bodies";
import { decimal, nano } from "../format/decimal";
import type { Rounding } from "./roundings";

/** An event, or a rounding of the call's settlement as a line of its own. */
export type EventLine = CallEvent & { rounding?: Rounding };

export interface TimelinePoint {
  event: EventLine;
  /** Seconds since the first event. */
  at: number;
  /** Cumulative cost in nano-dollars, this event included. */
  cumulative: bigint;
}

/** Returns the events, and the roundings as separate lines after the call's end, at its time. */
export function eventLines(events: CallEvent[]): EventLine[] {
  const lines: EventLine[] = [];
  const rounded: EventLine[] = [];
  for (const event of events) {
    const roundings = roundingsOf(event);
    const withoutRoundings = roundings.reduce(
      (nanos, { totalCost }) => nanos - nano(totalCost),
      nano(event.totalCost),
    );
    lines.push(roundings.length ? { ...event, totalCost: decimal(withoutRoundings) } : event);
    for (const [index, rounding] of roundings.entries()) {
      const { service, operation, model, legId, totalCost } = rounding;
      const id = `${event.id}/${String(index)}`;
      const changes = { id, service, operation, model, legId, totalCost, amount: "0", rounding };
      rounded.push({ ...event, ...changes, tags: {} });
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

export function timelinePoints(events: EventLine[]): TimelinePoint[] {
  const first = Math.min(...events.map((event) => Date.parse(event.time)));
  let cumulative = 0n;
  return events.map((event) => {
    // A voided cost and its void count as zero.
    if (!event.voided) cumulative += nano(event.totalCost);
    return { event, at: (Date.parse(event.time) - first) / 1000, cumulative };
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
