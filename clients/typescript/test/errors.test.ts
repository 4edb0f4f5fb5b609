import { describe, expect, it } from "vitest";
import { ApiError } from "cost-analytics-client";

const fieldOf = (message: string) => new ApiError(400, "invalid_body", message).field;

it("shows the server's sentence without backticks", () => {
  const error = new ApiError(400, "invalid_body", "`dailyLimit_usd` must be at least 0, not `-1`.");
  expect(error.message).toBe("dailyLimit_usd must be at least 0, not -1.");
});

describe("the field that an error names", () => {
  it("is the first name in backticks", () => {
    expect(fieldOf("`dailyLimit_usd` must be at least 0, not `-1`.")).toBe("dailyLimit_usd");
    expect(fieldOf("Try again later.")).toBeNull();
  });

  it("is the path in the body if the error has one", () => {
    const example = "Expected a number in plain digits such as `12.5`";
    expect(fieldOf(`${example} - at \`$.dailyLimit_usd\`.`)).toBe("dailyLimit_usd");
    expect(fieldOf(`${example} - at \`$.thresholds[0]\`.`)).toBe("thresholds[0]");
  });
});
