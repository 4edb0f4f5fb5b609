// Keyboard shortcuts: "/" searches, "?" lists them, "g" and a second key open a page.
import { navigationPages, type NavigationPage } from "./pages";

export interface Shortcut {
  keys: string;
  action: string;
}

type ShortcutPage = Omit<NavigationPage, "forAdmins">;

/** The second key of a sequence must follow within this time. */
const SEQUENCE_MS = 1_500;

const shortcutPages = (isAdmin: boolean): ShortcutPage[] => [
  ...navigationPages(isAdmin),
  { path: "/docs", title: "API", key: "d" },
];

export function shortcuts(isAdmin: boolean): Shortcut[] {
  return [
    { keys: "/", action: "Search" },
    ...shortcutPages(isAdmin).map(({ key, title }) => ({
      keys: `g ${key}`,
      action: `Open ${title}`,
    })),
    { keys: "?", action: "Show this list" },
  ];
}

export interface ShortcutActions {
  /** Returns whether there is a search field. */
  search: () => boolean;
  showList: () => void;
  open: (path: string) => void;
  isAdmin: () => boolean;
}

type KeyPress = Pick<KeyboardEvent, "key" | "ctrlKey" | "metaKey" | "altKey" | "timeStamp">;

/** Returns a handler that returns whether a key press was a shortcut. */
export function shortcutHandler(actions: ShortcutActions): (press: KeyPress) => boolean {
  let sequenceStartMs = -Infinity;

  return ({ key, ctrlKey, metaKey, altKey, timeStamp }) => {
    if (ctrlKey || metaKey || altKey) return false;
    const isSecondKey = timeStamp - sequenceStartMs < SEQUENCE_MS;
    sequenceStartMs = -Infinity;
    if (isSecondKey) {
      const page = shortcutPages(actions.isAdmin()).find((each) => each.key === key);
      if (page) actions.open(page.path);
      return page !== undefined;
    }
    if (key === "g") sequenceStartMs = timeStamp;
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
