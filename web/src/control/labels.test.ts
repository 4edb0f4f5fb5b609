import { expect, test } from "vitest";
import { attemptText } from "./labels";

test("an attempt shows its result and its status", () => {
  const attempt = { number: "1", at: "", target: null, error: null, duration_ms: null };
  expect(attemptText({ ...attempt, outcome: "temporary", status: "500" })).toBe(
    "Failed, tries again (500)",
  );
  expect(attemptText({ ...attempt, outcome: null, status: null })).toBe("In progress");
});
