// Keyboard shortcuts: "/" searches, "?" lists them, "g" and a letter opens a page.

export interface Shortcut {
  keys: string;
  action: string;
}

/** The letter after "g", and the page that it opens. */
const PAGES: Record<string, { path: string; title: string; forAdmins?: true }> = {
  l: { path: "/", title: "Live" },
  s: { path: "/spending", title: "Spending" },
  f: { path: "/outlook", title: "Forecast" },
  b: { path: "/budget", title: "Budget" },
  a: { path: "/everyone", title: "All users", forAdmins: true },
  p: { path: "/prices", title: "Prices", forAdmins: true },
  c: { path: "/connect", title: "Connect", forAdmins: true },
  d: { path: "/docs", title: "API" },
};
const SEQUENCE_MS = 1_500;

export function shortcuts(isAdmin: boolean): Shortcut[] {
  const pages = Object.entries(PAGES).filter(([, page]) => isAdmin || !page.forAdmins);
  return [
    { keys: "/", action: "Search" },
    ...pages.map(([key, { title }]) => ({ keys: `g ${key}`, action: `Open ${title}` })),
    { keys: "?", action: "Show this list" },
  ];
}

export interface ShortcutActions {
  search: () => boolean;
  showList: () => void;
  open: (path: string) => void;
  isAdmin: () => boolean;
}

type Key = Pick<KeyboardEvent, "key" | "ctrlKey" | "metaKey" | "altKey" | "timeStamp">;

/** Returns a handler that says whether a key press was a shortcut. */
export function shortcutHandler(actions: ShortcutActions): (press: Key) => boolean {
  let beganMs = -Infinity;

  return ({ key, ctrlKey, metaKey, altKey, timeStamp }) => {
    if (ctrlKey || metaKey || altKey) return false;
    const isSecond = timeStamp - beganMs < SEQUENCE_MS;
    beganMs = -Infinity;
    if (isSecond) {
      const page = PAGES[key];
      if (!page || (page.forAdmins && !actions.isAdmin())) return false;
      actions.open(page.path);
      return true;
    }
    if (key === "g") beganMs = timeStamp;
    else if (key === "?") actions.showList();
    else return key === "/" && actions.search();
    return true;
  };
}

/** Returns whether a key press belongs to a field or a control that takes text. */
export function isTyping(target: EventTarget | null): boolean {
  return (
    target instanceof HTMLElement &&
    (target.isContentEditable || ["INPUT", "TEXTAREA", "SELECT"].includes(target.tagName))
  );
}

/** Focuses the page's search field, else the one of the header; returns whether there is one. */
export function focusSearch(): boolean {
  const field = ["main input[type=search]", "header [role=search] input"]
    .map((selector) => document.querySelector<HTMLInputElement>(selector))
    .find((element) => element !== null);
  field?.focus();
  field?.select();
  return field !== undefined;
}
