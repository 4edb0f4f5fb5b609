import { describe, expect, it } from "vitest";
import { parseBlocks } from "./markup";

describe("markup", () => {
  it("has paragraphs, lists and code", () => {
    const [first, list] = parseBlocks("One `a`\nline.\n\n* two\n* three\n  and more");
    expect(first!.lines[0]!.map(({ text }) => text)).toEqual(["One ", "a", " line."]);
    expect(first!.lines[0]!.map(({ code }) => code)).toEqual([false, true, false]);
    expect(list).toMatchObject({ isList: true, lines: [[{ text: "two" }], [{}]] });
  });
});
