import { describe, expect, it } from "vitest";
import { daysByPersona, daysByService, type ChartDay } from "../spending/day-layers";
import { largestFirst, powersAround, serviceLayer, stackEdges } from "./stack";

const keys = (layers: { key: string }[]) => layers.map(({ key }) => key);

function day(totalCost: string, byService: object, byPersona?: object): ChartDay {
  const personas = byPersona ? { costByPersona: byPersona } : {};
  return { date: "2026-01-01", totalCost, costByService: byService, ...personas } as ChartDay;
}

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

  it("of services have the amounts of each day", () => {
    const found = daysByService([
      day("3", { twilio: "1", stripe: "2" }),
      day("4", { twilio: "4" }),
    ]);
    expect(found.map(({ name, amounts }) => [name, amounts])).toEqual([
      ["Twilio", ["1", "4"]],
      ["Stripe", ["2", "0"]],
    ]);
  });

  it("of personas add up to the total of each day, with the others as one layer", () => {
    const many = Object.fromEntries(Array.from({ length: 10 }, (_, n) => [`p${n}`, `${20 - n}`]));
    const found = daysByPersona([day("200", {}, many), day("0.5", {}, { p0: "0.5" })]);
    expect(keys(found)).toEqual([...Array.from({ length: 8 }, (_, n) => `p${n}`), "others"]);
    expect(found.at(-1)?.amounts).toEqual(["68", "0"]);
    expect(new Set(found.map(({ colour }) => colour)).size).toBe(9);
  });
});

describe("the logarithmic axis", () => {
  it("spans whole powers of ten around the positive amounts", () => {
    expect(powersAround([[0, 0.05, 700]])).toEqual([0.01, 1000]);
    expect(powersAround([[5]])).toEqual([1, 10]);
    expect(powersAround([[0, -1]])).toEqual([0.01, 1]);
  });
});
