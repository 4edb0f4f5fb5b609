// Stacks amounts by service for a chart.
import type { Decimal } from "../api/json";

export interface Layer {
  service: string;
  amounts: Decimal[];
}

/**
 * Returns the upper edge of each layer, topmost first: in this order each layer covers the lower
 * part of the one behind it. Doubles, because they are coordinates only.
 */
export function stackEdges(layers: Layer[], length: number): number[][] {
  const heights = new Array<number>(length).fill(0);
  const found = layers.map((layer) =>
    heights.map((height, index) => (heights[index] = height + Number(layer.amounts[index] ?? 0))),
  );
  return found.reverse();
}
