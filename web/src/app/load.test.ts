import { describe, expect, it, vi } from "vitest";
import { effectScope, nextTick, ref } from "vue";
import { ApiError } from "../api/client";
import { useLoaded, type Loaded } from "./load";

/** A request that the test completes, or that fails with the browser's own error when aborted. */
function request() {
  const asked: { answer: (value: string) => void; fail: (error: unknown) => void }[] = [];
  const load = (signal: AbortSignal) =>
    new Promise<string>((answer, fail) => {
      signal.addEventListener("abort", () => fail(signal.reason as Error));
      asked.push({ answer, fail });
    });
  return { asked, load };
}

function within(load: (signal: AbortSignal) => Promise<string>, key = ref(0)) {
  const scope = effectScope();
  const loaded = scope.run(() => useLoaded(() => key.value, load)) as Loaded<string>;
  return { scope, loaded, key };
}

describe("what a page loads", () => {
  it("is there once it was answered", async () => {
    const { asked, load } = request();
    const { loaded } = within(load);
    expect(loaded.loading.value).toBe(true);
    asked[0]?.answer("one");
    await vi.waitFor(() => expect(loaded.loading.value).toBe(false));
    expect(loaded.data.value).toBe("one");
  });

  it("says what went wrong", async () => {
    const { asked, load } = request();
    const { loaded } = within(load);
    asked[0]?.fail(new ApiError(503, "unavailable", "Not now."));
    await vi.waitFor(() => expect(loaded.error.value?.message).toBe("Not now."));
    expect(loaded.loading.value).toBe(false);
  });

  it("is given up without a word when the page is left", async () => {
    const { load } = request();
    const { scope, loaded } = within(load);
    const reloading = loaded.reload();
    scope.stop();
    await expect(reloading).resolves.toBeUndefined();
    expect(loaded.error.value).toBeNull();
  });

  it("is never an answer that was overtaken", async () => {
    const { asked, load } = request();
    const { loaded, key } = within(load);
    asked[0]?.answer("old");
    key.value = 1;
    await nextTick();
    asked[1]?.answer("new");
    await vi.waitFor(() => expect(loaded.loading.value).toBe(false));
    expect(loaded.data.value).toBe("new");
  });
});
