// The layers of a stacked chart, for instance one for each service.
import type { Decimal } from "cost-analytics-client";
import { nano, sum } from "../format/decimal";
import { serviceName } from "../format/names";
import { serviceColour } from "../format/services";

export interface Layer {
  key: string;
  name: string;
  /** A CSS variable. */
  colour: string;
  /** One for each time of the chart. */
  amounts: Decimal[];
}

export function serviceLayer(service: string, amounts: Decimal[]): Layer {
  return { key: service, name: serviceName(service), colour: serviceColour(service), amounts };
}

/** Sorts by total, largest first; layers without any amount are left out. */
export function largestFirst(layers: Layer[]): Layer[] {
  return layers
    .map((layer) => ({ layer, total: nano(sum(layer.amounts)) }))
    .filter(({ layer }) => layer.amounts.some((amount) => nano(amount) !== 0n))
    .sort((a, b) => Number(b.total - a.total) || a.layer.key.localeCompare(b.layer.key))
    .map(({ layer }) => layer);
}

/**
 * Returns the upper edge of each layer, topmost first: in this order each layer covers the lower
 * part of the one behind it. Doubles, because they are coordinates only.
 */
export function stackEdges(layers: Layer[], length: number): number[][] {
  const heights = new Array<number>(length).fill(0);
  const edges = layers.map((layer) =>
    heights.map((height, index) => (heights[index] = height + Number(layer.amounts[index] ?? 0))),
  );
  return edges.reverse();
}

/** Whole powers of ten around the positive values, for a logarithmic axis. */
export function powersAround(edges: number[][]): [number, number] {
  const positive = edges.flat().filter((value) => value > 0);
  if (!positive.length) return [0.01, 1];
  const low = Math.floor(Math.log10(Math.min(...positive)));
  return [10 ** low, 10 ** Math.max(low + 1, Math.ceil(Math.log10(Math.max(...positive))))];
}
