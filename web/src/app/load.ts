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

export interface Loaded<T> {
  data: ShallowRef<T | null>;
  error: ShallowRef<ApiError | null>;
  loading: ShallowRef<boolean>;
  /** When the data arrived, in milliseconds since 1970; null without data. */
  updatedMs: ShallowRef<number | null>;
  /** Whether the last attempt failed, so that the data are older than they should be. */
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
): Loaded<T> {
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

  /** Loads again without showing it, unless the page is hidden or is loading already. */
  async function refresh(): Promise<void> {
    if (document.visibilityState !== "hidden" && !loading.value) await run(true);
  }

  watch(key, () => void reload(), { immediate: true });
  onScopeDispose(() => running?.abort());
  if (everyMs !== undefined) refreshEvery(everyMs, updatedMs, refresh);
  return { data, error, loading, updatedMs, isStale, reload };
}

/** Refreshes in this interval, and at once when an old page becomes visible. */
function refreshEvery(
  everyMs: number,
  updatedMs: ShallowRef<number | null>,
  refresh: () => Promise<void>,
): void {
  const timer = setInterval(() => void refresh(), everyMs);
  const appear = (): void => {
    if (Date.now() - (updatedMs.value ?? 0) > everyMs) void refresh();
  };
  document.addEventListener("visibilitychange", appear);
  onScopeDispose(() => {
    clearInterval(timer);
    document.removeEventListener("visibilitychange", appear);
  });
}

/** One page of a list; `nextCursor` is null on the last page. */
export interface PageRows<T> {
  rows: T[];
  nextCursor: string | null;
}

export interface Paged<T> {
  rows: ShallowRef<T[]>;
  more: ComputedRef<boolean>;
  error: ShallowRef<ApiError | null>;
  loading: ShallowRef<boolean>;
  /** Loads the next page, or repeats the last request after an error. */
  load: () => Promise<void>;
}

/**
 * Loads a list page by page; starts over whenever `key` changes. Loads more pages until there are
 * `depth` rows, so that a reader who comes back finds what was loaded before.
 */
export function usePaged<T>(
  key: () => unknown,
  /** `loaded` is the number of rows before the page. */
  page: (cursor: string | null, signal: AbortSignal, loaded: number) => Promise<PageRows<T>>,
  depth: () => number = () => 0,
): Paged<T> {
  const rows = shallowRef<T[]>([]);
  const cursor = shallowRef<string | null>(null);
  let list = 0;
  const { error, loading, reload } = useLoaded(key, async (signal) => {
    const mine = list;
    do {
      const result = await page(cursor.value, signal, rows.value.length);
      if (mine !== list) return;
      rows.value = [...rows.value, ...result.rows];
      cursor.value = result.nextCursor;
    } while (cursor.value !== null && rows.value.length < depth());
  });
  // Synchronously, so that rows of two lists never mix.
  watch(
    key,
    () => {
      list += 1;
      rows.value = [];
      cursor.value = null;
    },
    { flush: "sync" },
  );
  const more = computed(() => cursor.value !== null);
  return { rows, more, error, loading, load: reload };
}
