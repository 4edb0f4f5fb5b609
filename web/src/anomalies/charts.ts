// What the charts of anomalies draw.
import type { AnomalyDetail, CostByService } from "../api/bodies";
import type { Decimal } from "cost-analytics-client";
import { nano, sum } from "../format/decimal";
import { serviceName } from "../format/names";
import { serviceColour } from "../format/services";
import { legName } from "../forecast/labels";

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
  /** The amount at the top. */
  most: Decimal;
}

/** Doubles, because they are coordinates only. */
export function dayBars({ days, day, usualRange }: AnomalyDetail): DayBars {
  const amounts = [...days.map(({ cost_usd }) => cost_usd), usualRange?.high_usd ?? "0"];
  const top = amounts.reduce((most, amount) => (nano(amount) > nano(most) ? amount : most));
  const most = Math.max(1e-9, Number(top));
  return {
    bars: days.map(({ date, cost_usd }) => ({
      date,
      cost: cost_usd,
      height: Math.max(0, Number(cost_usd)) / most,
      isAnomaly: date === day,
    })),
    usual: usualRange && {
      low: Number(usualRange.low_usd) / most,
      high: Number(usualRange.high_usd) / most,
    },
    most: top,
  };
}

/** A cost of the call; `usual` is the anomaly's usual cost. Widths are percentages. */
export interface CostBar {
  name: string;
  colour: string;
  cost: Decimal;
  width: number;
  usual: { cost: Decimal; width: number } | null;
}

const BARS_MAX = 5;

/** The bars of services, most expensive first, then all others together and the missing leg. */
export function costBars(anomaly: AnomalyDetail, costs: CostByService): CostBar[] {
  const { service, leg, expected_usd: expected } = anomaly;
  const ranked = Object.keys(costs)
    .map((name) => ({ name, cost: costs[name] ?? "0" }))
    .filter(({ name, cost }) => Number(cost) !== 0 || name === service)
    .sort((a, b) => Number(nano(b.cost) - nano(a.cost)) || a.name.localeCompare(b.name))
    .sort((a, b) => Number(b.name === service) - Number(a.name === service));
  const places = BARS_MAX - (leg ? 1 : 0);
  const apart = ranked.length > places ? ranked.slice(0, places - 1) : ranked;
  const others = sum(ranked.slice(apart.length).map(({ cost }) => cost));
  const amounts = [...apart.map(({ cost }) => cost), others, expected ?? "0"];
  const most = Math.max(1e-9, ...amounts.map(Number));
  const width = (cost: Decimal): number => (100 * Math.max(0, Number(cost))) / most;
  const usual = expected === null ? null : { cost: expected, width: width(expected) };
  const bar = (name: string, colour: string, cost: Decimal, hasUsual: boolean): CostBar => ({
    name,
    colour,
    cost,
    width: width(cost),
    usual: hasUsual ? usual : null,
  });
  return [
    ...apart.map(({ name, cost }) =>
      bar(serviceName(name), serviceColour(name), cost, name === service),
    ),
    ...(apart.length < ranked.length ? [bar("Others", "--line-strong", others, false)] : []),
    ...(leg ? [bar(legName(leg), "--warn", "0", true)] : []),
  ];
}
