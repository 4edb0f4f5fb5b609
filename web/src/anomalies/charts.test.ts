import { describe, expect, it } from "vitest";
import type { AnomalyDetail } from "../api/bodies";
import { costBars, dayBars } from "./charts";

const anomaly = (changes: Partial<AnomalyDetail>): AnomalyDetail =>
  ({ service: null, leg: null, expected_usd: null, usualRange: null, ...changes }) as AnomalyDetail;

describe("the days of an anomaly", () => {
  const days = [
    { date: "2026-11-27", cost_usd: "1" },
    { date: "2026-11-28", cost_usd: "0" },
    { date: "2026-11-29", cost_usd: "40" },
  ];

  it("share a scale with their usual range", () => {
    const usualRange = { low_usd: "0.8", high_usd: "2" };
    const { bars, usual, highest } = dayBars(anomaly({ days, day: "2026-11-29", usualRange }));
    expect(bars.map(({ height }) => height)).toEqual([0.025, 0, 1]);
    expect(bars.map(({ isAnomaly }) => isAnomaly)).toEqual([false, false, true]);
    expect(usual).toEqual({ low: 0.02, high: 0.05 });
    expect(highest).toBe("40");
  });

  it("fit below a usual range that is higher", () => {
    const usualRange = { low_usd: "0", high_usd: "80" };
    expect(dayBars(anomaly({ days, day: "2026-11-29", usualRange })).bars[2]?.height).toBe(0.5);
  });
});

describe("the costs of an unusual call", () => {
  const costs = {
    stripe: "0.44471",
    twilio: "0.1",
    deepgram: "0.05",
    cerebras: "0.01",
    elevenlabs: "0.02",
    raindrop: "0.02",
    openai: "0",
  };

  it("begin with the anomaly's service and its usual cost, and end with a sum", () => {
    const bars = costBars(anomaly({ service: "elevenlabs", expected_usd: "0.001" }), costs);
    expect(bars.map(({ name, cost }) => [name, cost])).toEqual([
      ["ElevenLabs", "0.02"],
      ["Stripe", "0.44471"],
      ["Twilio", "0.1"],
      ["Deepgram", "0.05"],
      ["Others", "0.03"],
    ]);
    expect(bars.map(({ usual }) => usual?.cost)).toEqual(["0.001", ...Array<undefined>(4)]);
    expect(bars[1]?.width).toBe(100);
  });

  it("name the missing leg with what it usually costs", () => {
    const bars = costBars(anomaly({ leg: "telephony", expected_usd: "0.5" }), { stripe: "0.25" });
    expect(bars.map(({ name, width }) => [name, width])).toEqual([
      ["Stripe", 50],
      ["Telephony", 0],
    ]);
    expect(bars[1]?.usual).toEqual({ cost: "0.5", width: 100 });
  });
});
