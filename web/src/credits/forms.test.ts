import { expect, test } from "vitest";
import {
  emptyGrant,
  grantBody,
  grantProblems,
  lowBalanceBody,
  lowBalanceProblems,
  newIdempotencyKey,
} from "./forms";

const NOW = Date.parse("2026-11-30T12:00:00Z");
const grant = (more: object) => ({ ...emptyGrant(), amount: "50", reason: "Invoice 1", ...more });

test("a grant needs an amount above zero and a reason", () => {
  expect(grantProblems(emptyGrant(), NOW)).toEqual({
    amount: "Enter an amount in dollars, such as 20 or 20.50.",
    reason: "Enter a reason, such as the number of an invoice.",
  });
  expect(grantProblems(grant({ amount: "0.00" }), NOW).amount).toBe("A grant must be above $0.");
  expect(grantProblems(grant({ amount: "-5" }), NOW).amount).toBeDefined();
  expect(grantProblems(grant({ amount: "1.0123456789" }), NOW).amount).toContain("9 decimals");
  expect(grantProblems(grant({ amount: "1000000001" }), NOW).amount).toContain("at most");
  expect(grantProblems(grant({ amount: "$1,000.50" }), NOW)).toEqual({});
});

test("an expiry is in the future and a priority a whole number up to 1000", () => {
  expect(grantProblems(grant({ expires: "2026-11-29T10:00" }), NOW).expires).toBeDefined();
  expect(grantProblems(grant({ expires: "2027-11-29T10:00" }), NOW)).toEqual({});
  for (const priority of ["", "-1", "1.5", "1001", "first"])
    expect(grantProblems(grant({ priority }), NOW).priority).toContain("0 to 1000");
});

test("a grant is sent with the typed digits", () => {
  expect(grantBody("alice", grant({ amount: "$1,000.10", priority: "5" }))).toEqual({
    userId: "alice",
    amount: "1000.10",
    priority: 5,
    note: "Invoice 1",
  });
  expect(grantBody("alice", grant({ expires: "2027-01-01T00:00" })).expiresAt).toMatch(/Z$/);
});

test("each grant has its own key", () => {
  expect(newIdempotencyKey()).toMatch(/^[0-9a-f]{32}$/);
  expect(newIdempotencyKey()).not.toBe(newIdempotencyKey());
});

test("alerts of a low balance have amounts and days, both optional", () => {
  expect(lowBalanceProblems({ amounts: "", days: "" })).toEqual({});
  expect(lowBalanceBody({ amounts: "", days: " " })).toEqual({
    lowBalance_usd: [],
    lowBalanceDays: null,
  });
  expect(lowBalanceBody({ amounts: "$25, 1000; 10.5", days: "3" })).toEqual({
    lowBalance_usd: ["25", "1000", "10.5"],
    lowBalanceDays: 3,
  });
  expect(lowBalanceProblems({ amounts: "1,000", days: "" }).amounts).toBeDefined();
  expect(lowBalanceProblems({ amounts: "ten", days: "0" })).toEqual({
    amounts: "Enter amounts separated by commas, such as 25, 1000.",
    days: "Enter whole days from 1 to 90, or leave it empty.",
  });
});
