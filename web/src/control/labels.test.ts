import { expect, test } from "vitest";
import type { CallCommand } from "../api/bodies";
import { attemptText, reasonText } from "./labels";

test("an attempt shows its result and its status", () => {
  const attempt = { number: "1", at: "", target: null, error: null, duration_ms: null };
  expect(attemptText({ ...attempt, outcome: "temporary", status: "500" })).toBe(
    "Failed, tries again (500)",
  );
  expect(attemptText({ ...attempt, outcome: null, status: null })).toBe("In progress");
});

test("a command shows its cause once, and the reason if that says more", () => {
  const command = (changes: Partial<CallCommand>): CallCommand =>
    ({ kind: "cutoff", cause: "hand", reason: "Ended by hand.", ...changes }) as CallCommand;
  expect(reasonText(command({}))).toBe("Ended by hand");
  expect(reasonText(command({ cause: "limit", reason: "This call cost $2." }))).toBe(
    "Call limit reached · This call cost $2.",
  );
});
