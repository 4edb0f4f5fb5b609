import { afterEach, describe, expect, it, vi } from "vitest";
import { TokenChannel } from "./shared-token";

const open: TokenChannel[] = [];

/** A tab with a token or without one, and the sign-outs that it received. */
function tab(token: string | null): { channel: TokenChannel; signedOut: string[] } {
  const signedOut: string[] = [];
  const channel = new TokenChannel(
    () => token,
    (given) => signedOut.push(given),
  );
  open.push(channel);
  return { channel, signedOut };
}

afterEach(() => {
  vi.useRealTimers();
  for (const channel of open.splice(0)) channel.close();
});

describe("the token of open tabs", () => {
  it("is sent to a tab that requests it", async () => {
    tab("a.b.c");
    tab(null);
    await expect(tab(null).channel.request()).resolves.toBe("a.b.c");
  });

  it("is that of the tab that was used last", async () => {
    tab("old").channel.noteUse(1_000);
    tab("opener").channel.noteUse(3_000);
    tab("other").channel.noteUse(2_000);
    await expect(tab(null).channel.request()).resolves.toBe("opener");
  });

  it("is null if no tab is open", async () => {
    vi.useFakeTimers({ toFake: ["setTimeout"] });
    const request = tab(null).channel.request();
    await vi.advanceTimersByTimeAsync(3_000);
    await expect(request).resolves.toBeNull();
  });

  it("is given up in the other tabs after a sign-out", async () => {
    const one = tab("a.b.c");
    const other = tab("a.b.c");
    one.channel.announceSignOut("a.b.c");
    await vi.waitFor(() => expect(other.signedOut).toEqual(["a.b.c"]));
    expect(one.signedOut).toEqual([]);
  });
});
