// The open entries of a reference page; the address names the last one, so that it can be shared.
import { nextTick, onScopeDispose, ref, watch, type Ref } from "vue";

interface Opened {
  opened: Ref<Set<string>>;
  toggle: (id: string, isOpen: boolean) => void;
}

/** Opens the entry that the address names once `data` is loaded, and scrolls to it. */
export function useOpened(data: Ref<unknown>): Opened {
  const opened = ref(new Set<string>());

  async function openLinked(): Promise<void> {
    const { hash } = location;
    if (!data.value || !/^#\w+$/.test(hash)) return;
    opened.value.add(hash.slice(1));
    await nextTick();
    document.querySelector(hash)?.scrollIntoView();
  }

  const onHashChange = (): void => void openLinked();
  watch(data, openLinked);
  window.addEventListener("hashchange", onHashChange);
  onScopeDispose(() => window.removeEventListener("hashchange", onHashChange));

  function toggle(id: string, isOpen: boolean): void {
    if (isOpen === opened.value.has(id)) return;
    if (isOpen) opened.value.add(id);
    else opened.value.delete(id);
    if (isOpen) history.replaceState(history.state, "", `#${id}`);
  }

  return { opened, toggle };
}
