import { expect, test } from "vitest";
import { planBody, planScopeLabel, type PlanForm } from "./charge-plans";

const FORM: PlanForm = {
  kind: "per_minute",
  userId: "ann",
  personaId: "",
  tagKey: "",
  tagValue: "",
  amount_usd: " 0.35 ",
  minimum_seconds: "60",
  increment_seconds: "",
  includedMinutes: "1",
  markup_percent: "25",
  from: "",
};

test("only filled fields of the kind are sent, amounts as text", () => {
  const scope = { userId: "ann", personaId: "", tagKey: "", tagValue: "" };
  expect(planBody(FORM)).toEqual({
    kind: "per_minute",
    ...scope,
    amount_usd: "0.35",
    minimum_seconds: 60,
    includedMinutes: 1,
  });
  expect(planBody({ ...FORM, kind: "ended", from: "2026-01-31" })).toEqual({
    kind: "ended",
    ...scope,
    effectiveFrom: "2026-01-31T00:00:00Z",
  });
});

test("a scope names what restricts the calls", () => {
  const none = { userId: "", personaId: "", tagKey: "", tagValue: "" };
  expect(planScopeLabel(none)).toBe("All calls");
  expect(planScopeLabel({ ...none, userId: "ann", tagKey: "team", tagValue: "red" })).toBe(
    "User ann, Tag team=red",
  );
});
