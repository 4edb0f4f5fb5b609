// Cost over time by service: one point a second for ten minutes.
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

  /** Adds a call's change since its last update. */
  update(callId: string, costs: CostByService): void {
    const before = this.byCall.get(callId) ?? {};
    for (const service of new Set([...Object.keys(before), ...Object.keys(costs)])) {
      const moved = nano(costs[service] ?? "0") - nano(before[service] ?? "0");
      if (moved !== 0n) this.totals.set(service, (this.totals.get(service) ?? 0n) + moved);
    }
    this.byCall.set(callId, costs);
  }

  /** Forgets a call; its costs stay counted. */
  forget(callId: string): void {
    this.byCall.delete(callId);
  }

  sample(at: number): void {
    this.points = [...this.points.slice(-(POINTS_MOST - 1)), { at, costs: new Map(this.totals) }];
  }
}
