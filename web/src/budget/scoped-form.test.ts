import { describe, expect, it } from "vitest";
import { bodyOf, emptyForm, globalBodyOf, scopedProblems } from "./scoped-form";

const typed = { period: "week" as const, limit: "$10", thresholds: "50, 100" };

describe("budgets of all users", () => {
  it("need a service only if they apply to one", () => {
    expect(scopedProblems({ ...emptyForm("all"), ...typed })).toEqual({});
    expect(scopedProblems({ ...emptyForm("service"), ...typed })).toEqual({
      value: "Enter a service, such as twilio.",
    });
  });

  it("name a service in lower case, and end no calls", () => {
    const body = globalBodyOf({ ...emptyForm("service"), ...typed, value: " Twilio " });
    expect(body).toEqual({
      scope: { kind: "service", value: "twilio" },
      period: "week",
      limit_usd: "10",
      thresholds: ["50"],
      raise: null,
    });
  });

  it("name a tag by key and value", () => {
    const tagged = { ...emptyForm("tag"), ...typed, key: " customer", value: "Acme " };
    expect(scopedProblems(tagged)).toEqual({});
    expect(globalBodyOf(tagged).scope).toEqual({ kind: "tag", key: "customer", value: "Acme" });
    expect(scopedProblems({ ...tagged, key: "" })).toHaveProperty("key");
  });

  it("have no limit per call", () => {
    expect(globalBodyOf({ ...emptyForm("all"), ...typed, period: "call" }).period).toBe("day");
  });
});

describe("budgets of a user", () => {
  it("name a tag by key and value", () => {
    const body = bodyOf({ ...emptyForm(), ...typed, key: "customer", value: "acme" });
    expect(body.scope).toEqual({ kind: "tag", key: "customer", value: "acme" });
    expect(body.autoCutoff).toBe(true);
  });
});
