import { expect, test } from "vitest";
import type { CallCommand } from "../api/bodies";
import { endingText, isUnderWay, stepText } from "./ending";

const command = (changes: Partial<CallCommand>): CallCommand => ({
  commandId: "c",
  callId: "call-1",
  kind: "cutoff",
  cause: "limit",
  state: "executed",
  reason: "This call cost $1.02, over its $1.00 limit.",
  requestedBy: null,
  requestedAt: "2026-11-30T12:00:00Z",
  endedAt: null,
  ...changes,
});

test("the text of a cutoff says what ended the call", () => {
  expect(endingText(command({}))).toBe("Ended by its limit");
  expect(endingText(command({ cause: "stuck" }))).toBe("Ended by the stuck-call rule");
  expect(endingText(command({ cause: "hand", state: "pending" }))).toBe("Being ended by hand…");
  expect(endingText(command({ state: "expired" }))).toBe("Couldn't be ended by its limit");
  expect(endingText(command({ state: "ended" }))).toBe("");
});

test("only waiting and running commands are under way", () => {
  expect(isUnderWay(command({ state: "executing" }))).toBe(true);
  expect(isUnderWay(command({ state: "failed" }))).toBe(false);
});

test("the text of a step says whether it was executed", () => {
  expect(stepText(command({ kind: "warn" }))).toBe("Warned near its limit");
  expect(stepText(command({ kind: "downgrade", state: "pending" }))).toBe(
    "Being asked to use a cheaper model…",
  );
  expect(stepText(command({ kind: "downgrade", state: "unsupported" }))).toBe(
    "Not asked to use a cheaper model: unsupported",
  );
  expect(stepText(command({ kind: "warn", state: "ended" }))).toBe(
    "Not warned near its limit: too late",
  );
  expect(stepText(command({}))).toBe("");
});
