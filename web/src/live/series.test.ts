import { describe, expect, it } from "vitest";
import type { RecentCosts } from "../api/bodies";
import { costSeries } from "./series";

describe("the cost of the last ten minutes", () => {
  it("adds up the steps of each service, exactly", () => {
    const recent = {
      since: "1970-01-01T00:01:00Z",
      step_seconds: "5",
      steps: "3",
      costByService: { stripe: ["0", "0.000000001", "0"], twilio: ["0.1", "0.2", "-0.05"] },
    } as unknown as RecentCosts;
    const { times, layers } = costSeries(recent);
    expect(times).toEqual([60, 65, 70, 75]);
    expect(layers.map(({ key, amounts }) => [key, amounts])).toEqual([
      ["twilio", ["0", "0.1", "0.3", "0.25"]],
      ["stripe", ["0", "0", "0.000000001", "0.000000001"]],
    ]);
  });

  it("is empty before the first step has ended", () => {
    const recent = { since: "1970-01-01T00:01:00Z", step_seconds: "5", steps: "0" };
    expect(costSeries({ ...recent, costByService: {} })).toEqual({
      times: [60],
      layers: [],
    });
  });
});
