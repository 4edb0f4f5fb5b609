// State in the query of the page's address, such as ?period=7d&sort=cost: it survives a reload, back
// and forward, and a link that is opened in a new tab.
//
//   const sort = useAddressState("sort", choiceOf(["time", "cost"]), "time");
//   const text = useAddressState("q", anyText, "", "replace");
//
// `sort` is a ref: reading it reads the address, and setting it navigates. Values set together are
// one navigation. A value that equals the default leaves the address.
import { computed, inject, type WritableComputedRef } from "vue";
import {
  matchedRouteKey,
  useRoute,
  useRouter,
  type LocationQueryRaw,
  type RouteLocationRaw,
  type Router,
} from "vue-router";

/** Converts between a value and its text in the address. */
export interface AddressFormat<T> {
  /** Returns null for a text that is not a valid value; the default applies then. */
  read: (text: string) => T | null;
  write: (value: T) => string;
}

/** Whether a change adds an entry to the browser's history ("push") or not ("replace"). */
export type HistoryEntry = "push" | "replace";

export const anyText: AddressFormat<string> = {
  read: (text) => text,
  write: (text) => text,
};

export function choiceOf<T extends string>(choices: readonly T[]): AddressFormat<T> {
  return {
    read: (text) => choices.find((choice) => choice === text) ?? null,
    write: (choice) => choice,
  };
}

export const yesOrNo: AddressFormat<boolean> = {
  read: (text) => (text === "yes" || text === "no" ? text === "yes" : null),
  write: (value) => (value ? "yes" : "no"),
};

/** Whole numbers from `min` to `max`. */
export function wholeNumber(min: number, max: number): AddressFormat<number> {
  return {
    read: (text) => {
      const value = /^\d{1,9}$/.test(text) ? Number(text) : -1;
      return value >= min && value <= max ? value : null;
    },
    write: String,
  };
}

/**
 * Binds the query parameter `name` to a ref. In a page the ref keeps its last value while another
 * page is opened; in the frame around the pages it always follows the address.
 */
export function useAddressState<T>(
  name: string,
  format: AddressFormat<T>,
  defaultValue: T,
  history: HistoryEntry = "push",
): WritableComputedRef<T> {
  const route = useRoute();
  const router = useRouter();
  const page = inject(matchedRouteKey, null)?.value;
  const text = computed<string | null>((before) => {
    const isLeaving = page !== undefined && !route.matched.includes(page);
    return isLeaving ? (before ?? null) : queryText(route.query[name]);
  });
  // Formats may return a new object each time, so it is made once for each text.
  const value = computed(() => {
    const found = text.value === null ? null : format.read(text.value);
    return found ?? defaultValue;
  });
  return computed({
    get: () => value.value,
    set: (newValue) => {
      const written = format.write(newValue);
      const isDefault = written === format.write(defaultValue);
      changeQuery(router, name, isDefault ? undefined : written, history);
    },
  });
}

/** Parameters that links to other pages keep. */
const KEPT_PARAMETERS = ["user", "period"];

/** Returns links to other pages that keep the user and the period; `query` adds parameters. */
export function usePageLinks(): (path: string, query?: LocationQueryRaw) => RouteLocationRaw {
  const route = useRoute();
  return (path, query = {}) => {
    const kept = KEPT_PARAMETERS.filter((name) => route.query[name] !== undefined);
    return {
      path,
      query: { ...Object.fromEntries(kept.map((name) => [name, route.query[name]])), ...query },
    };
  };
}

/** Removes what belongs to one user: the linked anomaly and the number of loaded rows. */
const WITHOUT_USER_STATE = { anomaly: undefined, shown: undefined };

/** Returns the query of the same page for another user; without `user`, for the signed-in one. */
export const queryOfUser = (
  query: LocationQueryRaw,
  user: string | undefined,
): LocationQueryRaw => ({ ...query, ...WITHOUT_USER_STATE, user });

/** Returns `state` for a filter or order of a list: setting it resets the number of loaded rows. */
export function resettingRows<T>(
  state: WritableComputedRef<T>,
  loadedRows: WritableComputedRef<number>,
): WritableComputedRef<T> {
  return computed({
    get: () => state.value,
    set: (value) => {
      state.value = value;
      loadedRows.value = 1;
    },
  });
}

function queryText(value: unknown): string | null {
  const first: unknown = Array.isArray(value) ? value[0] : value;
  return typeof first === "string" ? first : null;
}

interface QueryChange {
  query: LocationQueryRaw;
  history: HistoryEntry;
}
const changes = new WeakMap<Router, QueryChange>();

/** Collects all changes of a task for one navigation: several at once would replace each other. */
function changeQuery(
  router: Router,
  name: string,
  text: string | undefined,
  history: HistoryEntry,
): void {
  const pending = changes.get(router);
  if (pending) {
    pending.query[name] = text;
    if (history === "push") pending.history = history;
    return;
  }
  const change: QueryChange = { query: { [name]: text }, history };
  changes.set(router, change);
  queueMicrotask(() => {
    changes.delete(router);
    const { query, hash } = router.currentRoute.value;
    void router[change.history]({ query: { ...query, ...change.query }, hash });
  });
}
