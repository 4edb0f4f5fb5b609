import { expect, test } from "vitest";
import type { Credit, Grant } from "../api/bodies";
import { grantNote, lastingNote } from "./grants";

const grant = (more: Partial<Grant>): Grant =>
  ({ amount_usd: "50", expired_usd: "0", expiresAt: null, ...more }) as unknown as Grant;
const credit = (more: object): Credit => ({ lastsUntil: null, ...more }) as unknown as Credit;

test("a grant says why it does not count", () => {
  expect(grantNote(grant({ state: "valid" }))).toBe("of $50.00");
  expect(grantNote(grant({ state: "used" }))).toBe("$50.00, used up");
  expect(grantNote(grant({ state: "voided", voidReason: "Paid twice" }))).toBe(
    "$50.00, voided: Paid twice",
  );
});

test("a balance says how long it lasts", () => {
  const lasts = { balance_usd: "9", chargedPerDay_usd: "3", lastsUntil: "2026-12-03T00:00:00Z" };
  expect(lastingNote(credit(lasts))).toContain("it lasts until Dec 3, 2026.");
  expect(lastingNote(credit({ balance_usd: "-1" }))).toContain("debt");
  expect(lastingNote(credit({ balance_usd: "0" }))).toContain("New calls are refused");
  const idle = { balance_usd: "9", chargedPerDay_usd: "0" };
  expect(lastingNote(credit(idle))).toBe("Nothing was charged in the last 7 days.");
});
