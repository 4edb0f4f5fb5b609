import { describe, expect, it } from "vitest";
import { formatChange } from "./change";

const unformatted = (figure: string): string => figure;

describe("changes", () => {
  it.each([
    ["3", "2", "+50% from 2"],
    ["1", "2", "-50% from 2"],
    ["2", "2", "0% from 2"],
    ["2.000000001", "2", "0% from 2"],
    ["0", "0.000000003", "-100% from 0.000000003"],
    ["10.99", "1", "+999% from 1"],
    ["10.996", "1", "11× 1"],
    ["182.37", "4.04", "45× 4.04"],
    ["5", "0", "from 0"],
    ["5", "-1", "from -1"],
    ["-1", "1", "-200% from 1"],
  ])("%s after %s is %s", (now, before, shown) =>
    expect(formatChange(now, before, unformatted).replace("−", "-")).toBe(shown),
  );
});
