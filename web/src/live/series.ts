// The running cost by service over the last ten minutes, from the increase in each step.
import type { RecentCosts } from "../api/bodies";
import { serviceLayer, type Layer } from "../charts/stack";
import { decimal, nano } from "../format/decimal";
import { sortServices } from "../format/services";

export interface CostSeries {
  /** Seconds since 1970: the start of the first step, and the end of each. */
  times: number[];
  layers: Layer[];
}

export function costSeries(recent: RecentCosts): CostSeries {
  const [since, step] = [Date.parse(recent.since) / 1000, Number(recent.step_seconds)];
  const times = Array.from(
    { length: Number(recent.steps) + 1 },
    (_, index) => since + index * step,
  );
  const layers = sortServices(Object.keys(recent.costByService)).map((service) => {
    let total = 0n;
    const steps = recent.costByService[service] ?? [];
    return serviceLayer(service, [
      "0",
      ...steps.map((increase) => decimal((total += nano(increase)))),
    ]);
  });
  return { times, layers };
}
