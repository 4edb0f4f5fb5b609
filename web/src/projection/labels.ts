// The texts of a call's projected cost.
import type { LiveCall } from "../live/messages";
import { formatElapsed } from "../format/dates";
import { decimal, nano, percentOf, sum } from "../format/decimal";
import { formatMoneyBrief } from "../format/money";
import { pluralize } from "../format/numbers";

/** A range is shown if it is at least this wide, in percent of the projected cost. */
const RANGE_PERCENT_MIN = 10;

type ProjectedCall = Pick<LiveCall, "projectedCost" | "projection">;

/** "$0.52 – $0.80"; empty if the range is narrow or there is no projection. */
export function projectedRange({ projectedCost, projection }: ProjectedCall): string {
  if (!projection) return "";
  const width = decimal(nano(projection.high) - nano(projection.low));
  if (percentOf(width, projectedCost) < RANGE_PERCENT_MIN) return "";
  return `${formatMoneyBrief(projection.low)} – ${formatMoneyBrief(projection.high)}`;
}

/** The sum of projected costs, with a note on calls that have no projection yet. */
export function projectedTotal(calls: LiveCall[]): { cost: string; note: string } {
  const unknown = calls.filter((call) => !call.projection).length;
  return {
    cost: sum(calls.map((call) => call.projectedCost)),
    note: unknown
      ? `estimated total at hang-up; ${pluralize(unknown, "call", "calls")} not estimated yet`
      : "estimated total at hang-up",
  };
}

export interface ProjectedPart {
  name: string;
  amount: string;
  note: string;
}

/** The parts that add up to a projected cost. */
export function projectedParts(call: LiveCall): ProjectedPart[] {
  const { projection, projectedCost, totalCost } = call;
  if (!projection) return [];
  const untilHangUp = decimal(nano(projectedCost) - nano(totalCost) - nano(projection.dueOnce));
  const duration = formatElapsed(Number(projection.duration_seconds));
  const rateNote = Number(projection.basedOnCalls)
    ? `at the usual rate of this persona and this call's own, until ${duration}`
    : `at this call's own rate, until its expected end at ${duration}`;
  return [
    { name: "So far", amount: totalCost, note: "recorded" },
    { name: "Until hang-up", amount: untilHangUp, note: rateNote },
    { name: "Once, at the end", amount: projection.dueOnce, note: "payment fee on the charge" },
  ];
}

export const projectionBasis = (call: LiveCall): string =>
  Number(call.projection?.basedOnCalls)
    ? `Based on the last ${pluralize(call.projection?.basedOnCalls ?? 0, "call", "calls")} with this persona.`
    : "There are no earlier calls with this persona to base it on.";
