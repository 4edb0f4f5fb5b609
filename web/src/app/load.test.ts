import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { effectScope, nextTick, ref } from "vue";
import { ApiError } from "cost-analytics-client";
import { useLoaded, usePaged, type LoadedData } from "./load";

/** A request that the test completes, or that fails with the browser's own error when aborted. */
function request() {
  const requests: { resolve: (value: string) => void; fail: (error: unknown) => void }[] = [];
  const load = (signal: AbortSignal) =>
    new Promise<string>((resolve, fail) => {
      signal.addEventListener("abort", () => fail(signal.reason as Error));
      requests.push({ resolve, fail });
    });
  return { requests, load };
}

function within(load: (signal: AbortSignal) => Promise<string>, key = ref(0), everyMs?: number) {
  const scope = effectScope();
  const loaded = scope.run(() => useLoaded(() => key.value, load, everyMs)) as LoadedData<string>;
  return { scope, loaded, key };
}

describe("loaded data", () => {
  it("are set after the response", async () => {
    const { requests, load } = request();
    const { loaded } = within(load);
    expect(loaded.loading.value).toBe(true);
    requests[0]?.resolve("one");
    await vi.waitFor(() => expect(loaded.loading.value).toBe(false));
    expect(loaded.data.value).toBe("one");
  });

  it("are replaced by the error of a failed request", async () => {
    const { requests, load } = request();
    const { loaded } = within(load);
    requests[0]?.fail(new ApiError(503, "unavailable", "Not now."));
    await vi.waitFor(() => expect(loaded.error.value?.message).toBe("Not now."));
    expect(loaded.loading.value).toBe(false);
  });

  it("raise no error when the page is left before the response", async () => {
    const { load } = request();
    const { scope, loaded } = within(load);
    const reloading = loaded.reload();
    scope.stop();
    await expect(reloading).resolves.toBeUndefined();
    expect(loaded.error.value).toBeNull();
  });

  it("are never an outdated response", async () => {
    const { requests, load } = request();
    const { loaded, key } = within(load);
    requests[0]?.resolve("old");
    key.value = 1;
    await nextTick();
    requests[1]?.resolve("new");
    await vi.waitFor(() => expect(loaded.loading.value).toBe(false));
    expect(loaded.data.value).toBe("new");
  });
});

describe("a paged list", () => {
  /** A list of `length` numbers, and the pages that were requested: cursor and rows before it. */
  function numbers(length: number, minRows = 0) {
    const requests: [string | null, number][] = [];
    const scope = effectScope();
    const key = ref("all");
    const paged = scope.run(() =>
      usePaged(
        () => key.value,
        (cursor, _, rowsBefore) => {
          requests.push([cursor, rowsBefore]);
          const from = Number(cursor ?? 0);
          const rows = [0, 1, 2].map((more) => from + more).filter((row) => row < length);
          const next = from + rows.length;
          return Promise.resolve({ rows, nextCursor: next < length ? String(next) : null });
        },
        () => minRows,
      ),
    );
    return { requests, key, paged: paged as NonNullable<typeof paged> };
  }

  it("loads one page, and the next one on request", async () => {
    const { requests, paged } = numbers(7);
    await vi.waitFor(() => expect(paged.rows.value).toEqual([0, 1, 2]));
    await paged.load();
    expect(paged.rows.value).toEqual([0, 1, 2, 3, 4, 5]);
    expect(requests).toEqual([
      [null, 0],
      ["3", 3],
    ]);
  });

  it("loads as many pages as were shown before, and no more than there are", async () => {
    const deep = numbers(20, 8);
    await vi.waitFor(() => expect(deep.paged.loading.value).toBe(false));
    expect(deep.paged.rows.value).toHaveLength(9);
    const short = numbers(4, 100);
    await vi.waitFor(() => expect(short.paged.loading.value).toBe(false));
    expect(short.paged.rows.value).toEqual([0, 1, 2, 3]);
    expect(short.paged.hasMore.value).toBe(false);
  });

  it("starts over with another key", async () => {
    const { key, paged } = numbers(4);
    await vi.waitFor(() => expect(paged.rows.value).toHaveLength(3));
    key.value = "others";
    expect(paged.rows.value).toEqual([]);
    await vi.waitFor(() => expect(paged.rows.value).toEqual([0, 1, 2]));
  });
});

describe("refreshed data", () => {
  const page = { visibilityState: "visible", addEventListener() {}, removeEventListener() {} };
  beforeEach(() => {
    vi.useFakeTimers();
    vi.stubGlobal("document", page);
    page.visibilityState = "visible";
  });
  afterEach(() => {
    vi.useRealTimers();
    vi.unstubAllGlobals();
  });
  const settled = async (resolve: () => void): Promise<void> => {
    resolve();
    await vi.advanceTimersByTimeAsync(0);
  };

  it("are requested at the interval while the page is visible, without a loading state", async () => {
    const { requests, load } = request();
    const { loaded } = within(load, ref(0), 1_000);
    await settled(() => requests[0]?.resolve("one"));
    await vi.advanceTimersByTimeAsync(1_000);
    expect(requests).toHaveLength(2);
    expect(loaded.loading.value).toBe(false);
    await settled(() => requests[1]?.resolve("two"));
    expect(loaded.data.value).toBe("two");
    page.visibilityState = "hidden";
    await vi.advanceTimersByTimeAsync(5_000);
    expect(requests).toHaveLength(2);
  });

  it("stay as they are when a refresh fails, and are marked as stale", async () => {
    const { requests, load } = request();
    const { loaded, scope } = within(load, ref(0), 1_000);
    await settled(() => requests[0]?.resolve("one"));
    const updatedMs = loaded.updatedMs.value;
    await vi.advanceTimersByTimeAsync(1_000);
    await settled(() => requests[1]?.fail(new ApiError(0, "unreachable", "Not now.")));
    expect([loaded.data.value, loaded.error.value]).toEqual(["one", null]);
    expect([loaded.isStale.value, loaded.updatedMs.value]).toEqual([true, updatedMs]);
    await vi.advanceTimersByTimeAsync(1_000);
    await settled(() => requests[2]?.resolve("two"));
    expect([loaded.data.value, loaded.isStale.value]).toEqual(["two", false]);
    scope.stop();
    await vi.advanceTimersByTimeAsync(5_000);
    expect(requests).toHaveLength(3);
  });
});
