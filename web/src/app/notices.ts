// Toasts, and announcements for screen readers.
import { reactive, ref } from "vue";

const SHOWN_MS = 12_000;
const SHOWN_MAX = 4;

export interface Toast {
  id: number;
  title: string;
  text: string;
  kind: "warning" | "success";
}

let lastId = 0;
export const toasts = reactive<Toast[]>([]);
/** A text for screen readers only. */
export const announcement = ref("");

export function toast(title: string, text: string, kind: Toast["kind"]): void {
  const id = (lastId += 1);
  toasts.push({ id, title, text, kind });
  if (toasts.length > SHOWN_MAX) toasts.shift();
  setTimeout(() => dismiss(id), SHOWN_MS);
}

export function dismiss(id: number): void {
  const index = toasts.findIndex((shown) => shown.id === id);
  if (index >= 0) toasts.splice(index, 1);
}

export function announce(text: string): void {
  announcement.value = text;
}
