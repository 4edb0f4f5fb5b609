// Loads data for a component, with its error, loading state and reload.
import {
  computed,
  onScopeDispose,
  shallowRef,
  watch,
  type ComputedRef,
  type ShallowRef,
} from "vue";
import { ApiError } from "../api/client";

export interface Loaded<T> {
  data: ShallowRef<T | null>;
  error: ShallowRef<ApiError | null>;
  loading: ShallowRef<boolean>;
  reload: () => Promise<void>;
}

/** Loads at once and whenever `key` changes; outdated responses are dropped. */
export function useLoaded<T>(
  key: () => unknown,
  load: (signal: AbortSignal) => Promise<T>,
): Loaded<T> {
  const data = shallowRef<T | null>(null);
  const error = shallowRef<ApiError | null>(null);
  const loading = shallowRef(false);
  let running: AbortController | null = null;

  async function reload(): Promise<void> {
    running?.abort();
    const mine = (running = new AbortController());
    loading.value = true;
    try {
      const found = await load(mine.signal);
      if (mine.signal.aborted) return;
      data.value = found;
      error.value = null;
    } catch (failure) {
      if (mine.signal.aborted) return;
      if (!(failure instanceof ApiError)) throw failure;
      error.value = failure;
    } finally {
      if (mine === running) loading.value = false;
    }
  }

  watch(key, () => void reload(), { immediate: true });
  onScopeDispose(() => running?.abort());
  return { data, error, loading, reload };
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

/** Loads a list page by page; starts over whenever `key` changes. */
export function usePaged<T>(
  key: () => unknown,
  page: (cursor: string | null, signal: AbortSignal) => Promise<PageRows<T>>,
): Paged<T> {
  const rows = shallowRef<T[]>([]);
  const cursor = shallowRef<string | null>(null);
  let list = 0;
  const { error, loading, reload } = useLoaded(key, async (signal) => {
    const mine = list;
    const found = await page(cursor.value, signal);
    if (mine !== list) return;
    rows.value = [...rows.value, ...found.rows];
    cursor.value = found.nextCursor;
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
