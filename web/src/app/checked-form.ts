// A form that is checked when it is submitted, and from then on after each change.
import { computed, nextTick, ref, useTemplateRef, type ComputedRef, type ShallowRef } from "vue";

interface CheckedForm<Problems> {
  /** The form's element. */
  box: Readonly<ShallowRef<HTMLFormElement | null>>;
  /** What is wrong, by field; empty before the first check. */
  problems: ComputedRef<Problems>;
  /** Checks the form and focuses the first invalid field; returns whether all are valid. */
  check: () => Promise<boolean>;
  /** Focuses the first invalid field, if there is one. */
  focusInvalid: () => Promise<void>;
  /** Stops checking until the next `check`. */
  reset: () => void;
}

/** The template's form must have the ref `box`, and its invalid fields `aria-invalid`. */
export function useCheckedForm<Problems extends object>(
  problemsOf: () => Problems,
): CheckedForm<Partial<Problems>> {
  const isChecked = ref(false);
  const box = useTemplateRef<HTMLFormElement>("box");
  const problems = computed<Partial<Problems>>(() => (isChecked.value ? problemsOf() : {}));
  async function focusInvalid(): Promise<void> {
    await nextTick();
    box.value?.querySelector<HTMLElement>("[aria-invalid=true]")?.focus();
  }
  async function check(): Promise<boolean> {
    isChecked.value = true;
    if (!Object.keys(problems.value).length) return true;
    await focusInvalid();
    return false;
  }
  return { box, problems, check, focusInvalid, reset: () => (isChecked.value = false) };
}
