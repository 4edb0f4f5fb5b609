// Loads a body for a page: what is there, what went wrong, and again when it is asked for.
import { onScopeDispose, shallowRef, watch, type ShallowRef } from "vue";
import { ApiError } from "../api/client";

export interface Loaded<T> {
  data: ShallowRef<T | null>;
  error: ShallowRef<ApiError | null>;
  loading: ShallowRef<boolean>;
  reload: () => Promise<void>;
}

/** Loads at once and whenever `key` changes; an answer that was overtaken is dropped. */
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
      data.value = await load(mine.signal);
      error.value = null;
    } catch (failure) {
      if (mine !== running) return;
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
