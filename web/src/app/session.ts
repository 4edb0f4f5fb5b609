// The signed-in user: a token kept for this tab only, and the reason for the last sign-out.
//
// The token is pasted, or arrives in the address after a `#`, which browsers never send. It leaves
// the address bar at once and is kept in sessionStorage, so it ends with the tab.
import { computed, reactive, readonly } from "vue";

const KEY = "cost-analytics.token";
const LONGEST_TIMER_MS = 2 ** 31 - 1;

interface Claims {
  user: string;
  role: string;
  expiresAtMs: number;
}

interface State {
  token: string | null;
  claims: Claims | null;
  reason: string | null;
}

const state = reactive<State>({ token: null, claims: null, reason: null });
let timer: ReturnType<typeof setTimeout> | undefined;

export const session = readonly(state);
export const isAdmin = computed(() => state.claims?.role === "admin");

/** Returns a token's claims, unverified: only the API verifies tokens. */
export function readClaims(token: string): Claims | null {
  try {
    const [, middle = ""] = token.split(".");
    const bytes = Uint8Array.from(atob(middle.replace(/-/g, "+").replace(/_/g, "/")), (character) =>
      character.charCodeAt(0),
    );
    const said = JSON.parse(new TextDecoder().decode(bytes)) as Record<string, unknown>;
    const user = said["sub"] ?? said["userId"];
    if (typeof user !== "string" || typeof said["exp"] !== "number") return null;
    const role = typeof said["role"] === "string" ? said["role"] : "user";
    return { user, role, expiresAtMs: said["exp"] * 1000 };
  } catch {
    return null;
  }
}

/** Signs in with a token; returns what is wrong with it, or null. */
export function signIn(pasted: string): string | null {
  const token = pasted.trim().replace(/^Bearer\s+/i, "");
  if (!token) return "Enter a token.";
  const claims = readClaims(token);
  if (!claims) return "That doesn't look like a valid token. Paste the whole token.";
  if (claims.expiresAtMs <= Date.now()) return "That token has expired. Sign in with a new one.";
  Object.assign(state, { token, claims, reason: null });
  sessionStorage.setItem(KEY, token);
  watchExpiry(claims.expiresAtMs);
  return null;
}

/** Signs out; the sign-in page shows `reason`. */
export function signOut(reason: string | null = null): void {
  clearTimeout(timer);
  sessionStorage.removeItem(KEY);
  Object.assign(state, { token: null, claims: null, reason });
}

/** Restores the token from the address or from before a reload. */
export function restoreSession(): void {
  const found = /^#token=([^&]+)/.exec(location.hash);
  if (found) history.replaceState(history.state, "", location.pathname + location.search);
  const token = found ? found[1] : sessionStorage.getItem(KEY);
  if (!token || token === state.token) return;
  const problem = signIn(token);
  if (problem) signOut(problem);
}

function watchExpiry(atMs: number): void {
  clearTimeout(timer);
  const wait = Math.min(atMs - Date.now(), LONGEST_TIMER_MS);
  timer = setTimeout(() => {
    if (Date.now() >= atMs) signOut("Your token has expired. Sign in with a new one.");
    else watchExpiry(atMs);
  }, wait);
}
