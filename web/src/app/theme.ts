// Light, dark, or as the system has it; remembered on this machine.
import { ref, watchEffect } from "vue";

export type Theme = "auto" | "light" | "dark";
const KEY = "cost-analytics.theme";
const NEXT: Record<Theme, Theme> = { auto: "light", light: "dark", dark: "auto" };

function stored(): Theme {
  const kept = localStorage.getItem(KEY);
  return kept === "light" || kept === "dark" ? kept : "auto";
}

export const theme = ref<Theme>(stored());
/** Moves on whenever colours may have changed, for what is drawn on a canvas. */
export const paint = ref(0);

watchEffect(() => {
  if (theme.value === "auto") delete document.documentElement.dataset["theme"];
  else document.documentElement.dataset["theme"] = theme.value;
  localStorage.setItem(KEY, theme.value);
  paint.value += 1;
});
matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => (paint.value += 1));

export function nextTheme(): void {
  theme.value = NEXT[theme.value];
}

/** The colour that a CSS variable stands for now; canvases cannot ask for themselves. */
export function colour(variable: string): string {
  const probe = document.createElement("span");
  probe.style.color = `var(${variable})`;
  document.body.append(probe);
  const found = getComputedStyle(probe).color;
  probe.remove();
  return found;
}
