// How the cost of the calls that we have seen grows, by service: a point a second, for ten minutes.
import type { CostByService } from "../api/bodies";
import { nano } from "../format/decimal";

const POINTS_MOST = 600;

export interface Point {
  /** Seconds since 1970. */
  at: number;
  costs: ReadonlyMap<string, bigint>;
}

export class CostSeries {
  points: Point[] = [];
  private readonly byCall = new Map<string, CostByService>();
  private readonly totals = new Map<string, bigint>();

  /** Counts by how much a call has moved since it was last seen. */
  update(callId: string, costs: CostByService): void {
    const before = this.byCall.get(callId) ?? {};
    for (const service of new Set([...Object.keys(before), ...Object.keys(costs)])) {
      const moved = nano(costs[service] ?? "0") - nano(before[service] ?? "0");
      if (moved !== 0n) this.totals.set(service, (this.totals.get(service) ?? 0n) + moved);
    }
    this.byCall.set(callId, costs);
  }

  /** Lets a call go whose costs stay counted. */
  forget(callId: string): void {
    this.byCall.delete(callId);
  }

  sample(at: number): void {
    this.points = [...this.points.slice(-(POINTS_MOST - 1)), { at, costs: new Map(this.totals) }];
  }
}
