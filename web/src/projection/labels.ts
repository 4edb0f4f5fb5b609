// The texts of a call's projected cost.
import type { LiveCall } from "../live/messages";
import { formatElapsed } from "../format/dates";
import { decimal, nano, percentOf, sum } from "../format/decimal";
import { formatMoneyBrief } from "../format/money";
import { pluralize } from "../format/numbers";

/** A range narrower than so many percent of the figure is not shown. */
const NARROW_PERCENT = 10;

type Projected = Pick<LiveCall, "projectedCost" | "projection">;

/** "$0.52 – $0.80", or an empty text when the projection is certain enough. */
export function projectedRange({ projectedCost, projection }: Projected): string {
  if (!projection) return "";
  const width = decimal(nano(projection.high) - nano(projection.low));
  if (percentOf(width, projectedCost) < NARROW_PERCENT) return "";
  return `${formatMoneyBrief(projection.low)} – ${formatMoneyBrief(projection.high)}`;
}

/** The sum of what calls are projected to cost, and how many of them have no projection yet. */
export function projectedTotal(calls: LiveCall[]): { cost: string; note: string } {
  const unknown = calls.filter((call) => !call.projection).length;
  return {
    cost: sum(calls.map((call) => call.projectedCost)),
    note: unknown
      ? `estimated total at hang-up; ${pluralize(unknown, "call", "calls")} not estimated yet`
      : "estimated total at hang-up",
  };
}

export interface Part {
  name: string;
  amount: string;
  note: string;
}

/** The parts that add up to a projected cost. */
export function projectedParts(call: LiveCall): Part[] {
  const { projection, projectedCost, totalCost } = call;
  if (!projection) return [];
  const running = decimal(nano(projectedCost) - nano(totalCost) - nano(projection.dueOnce));
  const lasts = formatElapsed(Number(projection.duration_seconds));
  const based = Number(projection.basedOnCalls)
    ? `at the usual rate of this persona and this call's own, until ${lasts}`
    : `at this call's own rate, until its expected end at ${lasts}`;
  return [
    { name: "So far", amount: totalCost, note: "recorded" },
    { name: "Until hang-up", amount: running, note: based },
    { name: "Once, at the end", amount: projection.dueOnce, note: "payment fee on the charge" },
  ];
}

export const basisOf = (call: LiveCall): string =>
  Number(call.projection?.basedOnCalls)
    ? `Based on the last ${pluralize(call.projection?.basedOnCalls ?? 0, "call", "calls")} with this persona.`
    : "There are no earlier calls with this persona that it could be based on.";
