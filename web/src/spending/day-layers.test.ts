import { describe, expect, it } from "vitest";
import { daysByPersona, daysByService, type ChartDay } from "./day-layers";

function day(totalCost: string, byService: object, byPersona?: object): ChartDay {
  const personas = byPersona ? { costByPersona: byPersona } : {};
  return { date: "2026-01-01", totalCost, costByService: byService, ...personas } as ChartDay;
}

describe("layers of daily costs", () => {
  it("have the amounts of each day", () => {
    const found = daysByService([
      day("3", { twilio: "1", stripe: "2" }),
      day("4", { twilio: "4" }),
    ]);
    expect(found.map(({ name, amounts }) => [name, amounts])).toEqual([
      ["Twilio", ["1", "4"]],
      ["Stripe", ["2", "0"]],
    ]);
  });

  it("by persona add up to the total of each day, with the others as one layer", () => {
    const many = Object.fromEntries(Array.from({ length: 10 }, (_, n) => [`p${n}`, `${20 - n}`]));
    const found = daysByPersona([day("200", {}, many), day("0.5", {}, { p0: "0.5" })]);
    expect(found.map(({ key }) => key)).toEqual([
      ...Array.from({ length: 8 }, (_, n) => `p${n}`),
      "others",
    ]);
    expect(found.at(-1)?.amounts).toEqual(["68", "0"]);
    expect(new Set(found.map(({ colour }) => colour)).size).toBe(9);
  });
});
