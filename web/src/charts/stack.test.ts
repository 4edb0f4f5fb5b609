import { describe, expect, it } from "vitest";
import { largestFirst, powersAround, serviceLayer, stackEdges } from "./stack";

const keys = (layers: { key: string }[]) => layers.map(({ key }) => key);

describe("layers", () => {
  it("are stacked, the topmost first", () => {
    const layers = [serviceLayer("a", ["1", "2"]), serviceLayer("b", ["0.5"])];
    expect(stackEdges(layers, 2)).toEqual([
      [1.5, 2],
      [1, 2],
    ]);
  });

  it("are sorted by total, without empty ones", () => {
    const layers = [
      serviceLayer("small", ["0.1", "0.2"]),
      serviceLayer("none", ["0", "0"]),
      serviceLayer("large", ["0", "9"]),
      serviceLayer("balanced", ["1", "-1"]),
    ];
    expect(keys(largestFirst(layers))).toEqual(["large", "small", "balanced"]);
  });
});

describe("the logarithmic axis", () => {
  it("spans whole powers of ten around the positive amounts", () => {
    expect(powersAround([[0, 0.05, 700]])).toEqual([0.01, 1000]);
    expect(powersAround([[5]])).toEqual([1, 10]);
    expect(powersAround([[0, -1]])).toEqual([0.01, 1]);
  });
});
