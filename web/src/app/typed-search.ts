// A search field whose text is used shortly after the last key.
import { onScopeDispose, ref, watch, type Ref } from "vue";

const TYPING_MS = 250;

export interface TypedSearch {
  typed: Ref<string>;
  /** Uses the text now. */
  search: () => void;
  /** Uses the text unless more is typed soon. */
  searchSoon: () => void;
}

/** `q` is the text in use; `typed` follows it, for instance when the reader goes back. */
export function useTypedSearch(q: Ref<string>): TypedSearch {
  const typed = ref(q.value);
  let due: ReturnType<typeof setTimeout> | undefined;
  function search(): void {
    clearTimeout(due);
    q.value = typed.value.trim();
  }
  function searchSoon(): void {
    clearTimeout(due);
    due = setTimeout(search, TYPING_MS);
  }
  watch(q, (text) => {
    if (text !== typed.value.trim()) typed.value = text;
  });
  onScopeDispose(() => clearTimeout(due));
  return { typed, search, searchSoon };
}
