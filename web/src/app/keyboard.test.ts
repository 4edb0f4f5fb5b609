import { describe, expect, it } from "vitest";
import { shortcutHandler, shortcuts } from "./keyboard";

function pressed(isAdmin: boolean, ...keys: [string, number?, string?][]): string[] {
  const done: string[] = [];
  const handle = shortcutHandler({
    search: () => Boolean(done.push("search")),
    showList: () => void done.push("list"),
    open: (path) => void done.push(path),
    isAdmin: () => isAdmin,
  });
  for (const [key, timeStamp = 0, modifier = ""] of keys)
    handle({
      key,
      timeStamp,
      ctrlKey: modifier === "ctrl",
      metaKey: modifier === "meta",
      altKey: modifier === "alt",
    });
  return done;
}

describe("keyboard shortcuts", () => {
  it("search, list themselves and open pages", () => {
    expect(pressed(false, ["/"], ["?"], ["g"], ["s"], ["g"], ["l"])).toEqual([
      "search",
      "list",
      "/spending",
      "/",
    ]);
  });

  it("leave keys with modifiers, slow sequences and unknown letters alone", () => {
    expect(pressed(false, ["/", 0, "ctrl"], ["g", 0], ["s", 5_000], ["g"], ["x"], ["s"])).toEqual(
      [],
    );
  });

  it("open administrators' pages for administrators only", () => {
    expect(pressed(false, ["g"], ["p"])).toEqual([]);
    expect(pressed(true, ["g"], ["p"], ["g"], ["o"])).toEqual(["/prices", "/control"]);
    expect(shortcuts(true).length - shortcuts(false).length).toBe(4);
  });
});
