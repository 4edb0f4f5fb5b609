// The open entries of a reference page. The address names the one that was opened last.
import { nextTick, onScopeDispose, ref, watch, type Ref } from "vue";

interface OpenEntries {
  /** The ids of the open entries. */
  openIds: Ref<Set<string>>;
  toggle: (id: string, isOpen: boolean) => void;
}

/** Opens the entry that the address names once `data` is loaded, and scrolls to it. */
export function useOpenEntries(data: Ref<unknown>): OpenEntries {
  const openIds = ref(new Set<string>());

  async function openLinked(): Promise<void> {
    const { hash } = location;
    if (!data.value || !/^#\w+$/.test(hash)) return;
    openIds.value.add(hash.slice(1));
    await nextTick();
    document.querySelector(hash)?.scrollIntoView();
  }

  const onHashChange = (): void => void openLinked();
  watch(data, openLinked);
  window.addEventListener("hashchange", onHashChange);
  onScopeDispose(() => window.removeEventListener("hashchange", onHashChange));

  function toggle(id: string, isOpen: boolean): void {
    if (isOpen === openIds.value.has(id)) return;
    if (isOpen) openIds.value.add(id);
    else openIds.value.delete(id);
    if (isOpen) history.replaceState(history.state, "", `#${id}`);
  }

  return { openIds, toggle };
}
