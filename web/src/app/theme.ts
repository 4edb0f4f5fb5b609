// Light, dark or system theme; remembered in this browser.
import { ref, watchEffect } from "vue";

export type Theme = "auto" | "light" | "dark";
const KEY = "cost-analytics.theme";
const NEXT: Record<Theme, Theme> = { auto: "light", light: "dark", dark: "auto" };

function stored(): Theme {
  const saved = localStorage.getItem(KEY);
  return saved === "light" || saved === "dark" ? saved : "auto";
}

export const theme = ref<Theme>(stored());
/** Increases whenever colours may have changed, so that canvases redraw. */
export const paintVersion = ref(0);

watchEffect(() => {
  if (theme.value === "auto") delete document.documentElement.dataset["theme"];
  else document.documentElement.dataset["theme"] = theme.value;
  localStorage.setItem(KEY, theme.value);
  paintVersion.value += 1;
});
matchMedia("(prefers-color-scheme: dark)").addEventListener(
  "change",
  () => (paintVersion.value += 1),
);

export function nextTheme(): void {
  theme.value = NEXT[theme.value];
}

/** Returns the colour that a CSS variable has now, for canvases. */
export function colour(variable: string): string {
  const probe = document.createElement("span");
  probe.style.color = `var(${variable})`;
  document.body.append(probe);
  const found = getComputedStyle(probe).color;
  probe.remove();
  return found;
}
