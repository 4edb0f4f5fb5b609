// The time as a reactive value, for texts that change with it.
import { onScopeDispose, shallowRef, type ShallowRef } from "vue";

const INTERVAL_MS = 30_000;

/** Returns the time in milliseconds since 1970, updated every half minute. */
export function useClock(): ShallowRef<number> {
  const now = shallowRef(Date.now());
  const timer = setInterval(() => (now.value = Date.now()), INTERVAL_MS);
  onScopeDispose(() => clearInterval(timer));
  return now;
}
