import { describe, expect, it } from "vitest";
import { readClaims } from "./session";

describe("tokens", () => {
  const token = (claims: object): string => {
    const bytes = new TextEncoder().encode(JSON.stringify(claims));
    return `h.${btoa(String.fromCharCode(...bytes))
      .replace(/\+/g, "-")
      .replace(/\//g, "_")}.s`;
  };

  it("name the user in `sub`, or else in `userId`", () => {
    expect(readClaims(token({ sub: "zoë", exp: 5, role: "admin" }))).toEqual({
      user: "zoë",
      role: "admin",
      expiresAtMs: 5_000,
    });
    expect(readClaims(token({ userId: "u1", exp: 5 }))?.user).toBe("u1");
  });

  it("are refused if malformed or without a required claim", () => {
    for (const bad of ["", "a.b.c", token({ exp: 5 }), token({ sub: "a" })])
      expect(readClaims(bad)).toBeNull();
  });
});
