import { expect, it } from "vitest";
import type { Anomaly } from "../api/bodies";
import { anomalyTitle } from "./labels";

it("the title of an anomaly names what is unusual", () => {
  const of = (one: Partial<Anomaly>): string =>
    anomalyTitle({ service: null, leg: null, ...one } as Anomaly);
  expect(of({ kind: "call_spike", service: "elevenlabs" })).toBe(
    "Unusually expensive ElevenLabs call",
  );
  expect(of({ kind: "day_spike" })).toBe("Unusually expensive day");
  expect(of({ kind: "missing_leg", leg: "speech_synthesis" })).toBe(
    "Missing speech synthesis cost",
  );
  expect(of({ kind: "silent_call" })).toBe("Silent call that keeps costing");
  expect(of({ kind: "abandoned_call" })).toBe("Call without an end");
});
