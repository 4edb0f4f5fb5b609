import { describe, expect, it } from "vitest";
import type { ApiKeyReport, WebhookEndpointItem } from "../api/bodies";
import { endpointOutcome, keyOutcome } from "./outcomes";
import { STACKS, stackNamed } from "./stacks";

const FIRST = "2026-11-30T08:00:00Z";
const LATER = "2026-11-30T08:00:01Z";

const reportOf = (item: object, more: object = {}): ApiKeyReport =>
  ({
    item: { acceptedAt: null, refusedAt: null, refusal: null, ...item },
    callId: "call" in more ? "c-1" : null,
    call: null,
    refusedEvent: null,
    ...more,
  }) as ApiKeyReport;

const call = {
  callId: "c-1",
  userId: "alice",
  status: "active",
  events: "2",
  heldEvents: "0",
  totalCost: "0.014",
};

describe("outcome of a key's last report", () => {
  it.each([
    ["none", "Waiting for the first event", reportOf({})],
    ["bad", "Refused", reportOf({ refusedAt: FIRST, refusal: "`usage` is negative." })],
    ["warn", "Accepted", reportOf({ acceptedAt: LATER, refusedAt: FIRST }, { callId: "c-1" })],
    ["bad", "Refused", reportOf({ acceptedAt: FIRST, refusedAt: LATER, refusal: "No." }, { call })],
    ["warn", "Accepted", reportOf({ acceptedAt: FIRST })],
    [
      "warn",
      "No user",
      reportOf({ acceptedAt: FIRST }, { call: { ...call, userId: null, heldEvents: "1" } }),
    ],
    [
      "bad",
      "Not counted",
      reportOf({ acceptedAt: FIRST }, { call, refusedEvent: { message: "No.", refusedAt: LATER } }),
    ],
    ["good", "Connected", reportOf({ acceptedAt: FIRST }, { call })],
  ])("%s: %s", (tone, title, report) => {
    expect(keyOutcome(report)).toMatchObject({ tone, title });
  });

  it("says what was counted, and quotes the reason", () => {
    expect(keyOutcome(reportOf({ acceptedAt: FIRST }, { call })).text).toBe(
      "2 events of call c-1 of alice, $0.014 so far.",
    );
    expect(keyOutcome(reportOf({ refusedAt: FIRST, refusal: "`usage` is negative." })).text).toBe(
      "usage is negative.",
    );
  });
});

it("the outcome of an endpoint is its last webhook", () => {
  const endpoint = (more: object): WebhookEndpointItem =>
    ({ acceptedAt: null, refusedAt: null, refusal: null, ...more }) as WebhookEndpointItem;
  expect(endpointOutcome(endpoint({})).tone).toBe("none");
  expect(endpointOutcome(endpoint({ acceptedAt: LATER, refusedAt: FIRST })).tone).toBe("good");
  expect(endpointOutcome(endpoint({ refusedAt: FIRST, refusal: "Old." })).text).toBe("Old.");
});

it("each stack has what its transport needs", () => {
  expect(new Set(STACKS.map(({ value }) => value)).size).toBe(STACKS.length);
  for (const stack of STACKS) {
    expect(stack.transport === "endpoint").toBe(stack.provider !== undefined);
    expect(stack.transport === "endpoint").toBe(stack.snippet === undefined);
    expect(stack.steps.length).toBeGreaterThan(0);
  }
  const code = stackNamed("http").snippet?.("https://costs.example.com", "cak_1");
  expect(code).toContain("https://costs.example.com/api/costs/track");
  expect(code).toContain("Bearer cak_1");
});
