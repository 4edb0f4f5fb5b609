import { expect, test } from "vitest";
import type { Credit, Grant } from "../api/bodies";
import { remainingText, grantStatus, lastingNote } from "./grants";

const grant = (more: Partial<Grant>): Grant =>
  ({ amount_usd: "50", expired_usd: "0", expiresAt: null, ...more }) as unknown as Grant;
const credit = (more: object): Credit => ({ lastsUntil: null, ...more }) as unknown as Credit;

test("a grant says whether it counts and what is left", () => {
  const valid = grant({ state: "valid", remaining_usd: "13" });
  expect([grantStatus(valid), remainingText(valid)]).toEqual(["Valid", "$13.00"]);
  const used = grant({ state: "used", remaining_usd: "0" });
  expect([grantStatus(used), remainingText(used)]).toEqual(["Used up", "$0.00"]);
  const voided = grant({ state: "voided", voidReason: "Paid twice" });
  expect([grantStatus(voided), remainingText(voided)]).toEqual(["Voided: Paid twice", "–"]);
  const expired = grant({ state: "expired", expired_usd: "4" });
  expect([grantStatus(expired), remainingText(expired)]).toEqual(["Expired, $4.00 unused", "–"]);
  const upcoming = grant({ state: "upcoming", validFrom: "2027-01-01T00:00:00Z" });
  expect(remainingText(upcoming)).toBe("$50.00");
});

test("a balance says how long it lasts", () => {
  const lasts = { balance_usd: "9", chargedPerDay_usd: "3", lastsUntil: "2026-12-03T00:00:00Z" };
  expect(lastingNote(credit(lasts))).toContain("it lasts until Dec 3, 2026.");
  expect(lastingNote(credit({ balance_usd: "-1" }))).toContain("debt");
  expect(lastingNote(credit({ balance_usd: "0" }))).toContain("New calls are refused");
  const idle = { balance_usd: "9", chargedPerDay_usd: "0" };
  expect(lastingNote(credit(idle))).toBe("Nothing was charged in the last 7 days.");
});
