// The bars of the charts beside anomalies.
import type { AnomalyDetail, CostByService } from "../api/bodies";
import type { Decimal } from "cost-analytics-client";
import { nano, sum } from "../format/decimal";
import { capitalize, serviceName } from "../format/names";
import { serviceColour } from "../format/services";
import { legName } from "./labels";

/** A day's bar; `height` is a share of the chart, from 0 to 1. */
interface DayBar {
  date: string;
  cost: Decimal;
  height: number;
  isAnomaly: boolean;
}

/** The bars of the days, and the edges of the usual range on the same scale. */
export interface DayBars {
  bars: DayBar[];
  usual: { low: number; high: number } | null;
  /** The amount at the top of the chart. */
  highest: Decimal;
}

/** Computes with doubles, because the results are coordinates. */
export function dayBars({ days, day, usualRange }: AnomalyDetail): DayBars {
  const amounts = [...days.map(({ cost_usd }) => cost_usd), usualRange?.high_usd ?? "0"];
  const highest = amounts.reduce((max, amount) => (nano(amount) > nano(max) ? amount : max));
  const scale = Math.max(1e-9, Number(highest));
  return {
    bars: days.map(({ date, cost_usd }) => ({
      date,
      cost: cost_usd,
      height: Math.max(0, Number(cost_usd)) / scale,
      isAnomaly: date === day,
    })),
    usual: usualRange && {
      low: Number(usualRange.low_usd) / scale,
      high: Number(usualRange.high_usd) / scale,
    },
    highest,
  };
}

/** A cost of the call; `usual` is what the anomaly expected of it. Widths are percentages. */
export interface CostBar {
  name: string;
  colour: string;
  cost: Decimal;
  width: number;
  usual: { cost: Decimal; width: number } | null;
}

const BARS_MAX = 5;

/** The anomaly's service, the most expensive others, the sum of the rest, and the missing leg. */
export function costBars(anomaly: AnomalyDetail, costs: CostByService): CostBar[] {
  const { service, leg, expected_usd: expected } = anomaly;
  const ranked = Object.keys(costs)
    .map((name) => ({ name, cost: costs[name] ?? "0" }))
    .filter(({ name, cost }) => Number(cost) !== 0 || name === service)
    .sort((a, b) => Number(nano(b.cost) - nano(a.cost)) || a.name.localeCompare(b.name))
    .sort((a, b) => Number(b.name === service) - Number(a.name === service));
  const places = BARS_MAX - (leg ? 1 : 0);
  const shown = ranked.length > places ? ranked.slice(0, places - 1) : ranked;
  const others = sum(ranked.slice(shown.length).map(({ cost }) => cost));
  const amounts = [...shown.map(({ cost }) => cost), others, expected ?? "0"];
  const widest = Math.max(1e-9, ...amounts.map(Number));
  const width = (cost: Decimal): number => (100 * Math.max(0, Number(cost))) / widest;
  const usual = expected === null ? null : { cost: expected, width: width(expected) };
  const bar = (name: string, colour: string, cost: Decimal, hasUsual: boolean): CostBar => ({
    name,
    colour,
    cost,
    width: width(cost),
    usual: hasUsual ? usual : null,
  });
  return [
    ...shown.map(({ name, cost }) =>
      bar(serviceName(name), serviceColour(name), cost, name === service),
    ),
    ...(shown.length < ranked.length ? [bar("Others", "--line-strong", others, false)] : []),
    ...(leg ? [bar(capitalize(legName(leg)), "--warn", "0", true)] : []),
  ];
}
