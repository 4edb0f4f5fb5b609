// Loads data for a component, with its error, loading state and reload; can refresh it periodically.
import {
  computed,
  onScopeDispose,
  shallowRef,
  watch,
  type ComputedRef,
  type ShallowRef,
} from "vue";
import { ApiError } from "cost-analytics-client";

export interface LoadedData<T> {
  data: ShallowRef<T | null>;
  error: ShallowRef<ApiError | null>;
  loading: ShallowRef<boolean>;
  /** When the data arrived, in milliseconds since 1970; null without data. */
  updatedMs: ShallowRef<number | null>;
  /** Whether the last request failed, so that the data may be outdated. */
  isStale: ShallowRef<boolean>;
  reload: () => Promise<void>;
}

/**
 * Loads at once and whenever `key` changes; outdated responses are dropped. With `everyMs` the data
 * are refreshed while the page is visible; a failed refresh keeps the last data.
 */
export function useLoaded<T>(
  key: () => unknown,
  load: (signal: AbortSignal) => Promise<T>,
  everyMs?: number,
): LoadedData<T> {
  const data = shallowRef<T | null>(null);
  const error = shallowRef<ApiError | null>(null);
  const loading = shallowRef(false);
  const updatedMs = shallowRef<number | null>(null);
  const isStale = shallowRef(false);
  let running: AbortController | null = null;

  async function run(isQuiet: boolean): Promise<void> {
    running?.abort();
    const mine = (running = new AbortController());
    if (!isQuiet) loading.value = true;
    try {
      const loaded = await load(mine.signal);
      if (mine.signal.aborted) return;
      data.value = loaded;
      error.value = null;
      updatedMs.value = Date.now();
      isStale.value = false;
    } catch (failure) {
      if (mine.signal.aborted) return;
      if (!(failure instanceof ApiError)) throw failure;
      isStale.value = true;
      if (!isQuiet || data.value === null) error.value = failure;
    } finally {
      if (mine === running) loading.value = false;
    }
  }

  const reload = (): Promise<void> => run(false);

  /** Loads again without a loading state, unless the page is hidden or loading already. */
  async function refresh(): Promise<void> {
    if (document.visibilityState !== "hidden" && !loading.value) await run(true);
  }

  watch(key, () => void reload(), { immediate: true });
  onScopeDispose(() => running?.abort());
  if (everyMs !== undefined) refreshEvery(everyMs, updatedMs, refresh);
  return { data, error, loading, updatedMs, isStale, reload };
}

/** Refreshes in this interval, and at once when a page with older data becomes visible. */
function refreshEvery(
  everyMs: number,
  updatedMs: ShallowRef<number | null>,
  refresh: () => Promise<void>,
): void {
  const timer = setInterval(() => void refresh(), everyMs);
  const onVisibilityChange = (): void => {
    if (Date.now() - (updatedMs.value ?? 0) > everyMs) void refresh();
  };
  document.addEventListener("visibilitychange", onVisibilityChange);
  onScopeDispose(() => {
    clearInterval(timer);
    document.removeEventListener("visibilitychange", onVisibilityChange);
  });
}

/** One page of a list; `nextCursor` is null on the last one. */
export interface ListPage<T> {
  rows: T[];
  nextCursor: string | null;
}

export interface PagedList<T> {
  rows: ShallowRef<T[]>;
  hasMore: ComputedRef<boolean>;
  error: ShallowRef<ApiError | null>;
  loading: ShallowRef<boolean>;
  /** Loads the next page, or repeats the last request after an error. */
  load: () => Promise<void>;
}

/**
 * Loads a list page by page; starts over whenever `key` changes. The first request loads pages until
 * there are `minRows`, so that a user who comes back finds the rows that were loaded before.
 */
export function usePaged<T>(
  key: () => unknown,
  /** `rowsBefore` is the number of rows before the page. */
  loadPage: (
    cursor: string | null,
    signal: AbortSignal,
    rowsBefore: number,
  ) => Promise<ListPage<T>>,
  minRows: () => number = () => 0,
): PagedList<T> {
  const rows = shallowRef<T[]>([]);
  const cursor = shallowRef<string | null>(null);
  /** Increases with each change of `key`. */
  let listVersion = 0;
  const { error, loading, reload } = useLoaded(key, async (signal) => {
    const version = listVersion;
    do {
      const result = await loadPage(cursor.value, signal, rows.value.length);
      if (version !== listVersion) return;
      rows.value = [...rows.value, ...result.rows];
      cursor.value = result.nextCursor;
    } while (cursor.value !== null && rows.value.length < minRows());
  });
  // Synchronously, so that rows of two lists never mix.
  watch(
    key,
    () => {
      listVersion += 1;
      rows.value = [];
      cursor.value = null;
    },
    { flush: "sync" },
  );
  const hasMore = computed(() => cursor.value !== null);
  return { rows, hasMore, error, loading, load: reload };
}
