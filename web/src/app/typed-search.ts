// A search field: the search starts when the user pauses typing.
import { onScopeDispose, ref, watch, type Ref } from "vue";

const TYPING_MS = 250;

export interface TypedSearch {
  typed: Ref<string>;
  /** Searches for the typed text now. */
  search: () => void;
  /** Searches for the typed text after a pause. */
  searchSoon: () => void;
}

/** `query` is the text that is searched for; `typed` follows it, for instance after "back". */
export function useTypedSearch(query: Ref<string>): TypedSearch {
  const typed = ref(query.value);
  let due: ReturnType<typeof setTimeout> | undefined;
  function search(): void {
    clearTimeout(due);
    query.value = typed.value.trim();
  }
  function searchSoon(): void {
    clearTimeout(due);
    due = setTimeout(search, TYPING_MS);
  }
  watch(query, (text) => {
    if (text !== typed.value.trim()) typed.value = text;
  });
  onScopeDispose(() => clearTimeout(due));
  return { typed, search, searchSoon };
}
