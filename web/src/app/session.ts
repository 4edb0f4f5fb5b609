// The signed-in user: a token kept in open tabs only, and the reason for the last sign-out.
//
// The token is pasted, or arrives in the address after a `#`, which browsers never send. It leaves
// the address bar at once and is kept in sessionStorage, so it ends with the tab. A link that is
// opened in a new tab gets the token from an open one (shared-token.ts).
import { computed, reactive, readonly } from "vue";
import { TokenChannel } from "./shared-token";

const KEY = "cost-analytics.token";
/** Set from a sign-out until the next sign-in: the tab then requests no token from other tabs. */
const SIGNED_OUT_KEY = "cost-analytics.signed-out";
const TIMER_MS_MAX = 2 ** 31 - 1;

interface Claims {
  user: string;
  role: string;
  expiresAtMs: number;
}

interface SessionState {
  token: string | null;
  claims: Claims | null;
  reason: string | null;
}

const state = reactive<SessionState>({ token: null, claims: null, reason: null });
let expiryTimer: ReturnType<typeof setTimeout> | undefined;
let channel: TokenChannel | undefined;

export const session = readonly(state);
export const isAdmin = computed(() => state.claims?.role === "admin");

/** Returns a token's claims, unverified: only the API verifies tokens. */
export function readClaims(token: string): Claims | null {
  try {
    const [, middle = ""] = token.split(".");
    const bytes = Uint8Array.from(atob(middle.replace(/-/g, "+").replace(/_/g, "/")), (character) =>
      character.charCodeAt(0),
    );
    const payload = JSON.parse(new TextDecoder().decode(bytes)) as Record<string, unknown>;
    const user = payload["sub"] ?? payload["userId"];
    if (typeof user !== "string" || typeof payload["exp"] !== "number") return null;
    const role = typeof payload["role"] === "string" ? payload["role"] : "user";
    return { user, role, expiresAtMs: payload["exp"] * 1000 };
  } catch {
    return null;
  }
}

/** Signs in with a token; returns what is wrong with the token, or null. */
export function signIn(pasted: string): string | null {
  const token = pasted.trim().replace(/^Bearer\s+/i, "");
  if (!token) return "Enter a token.";
  const claims = readClaims(token);
  if (!claims) return "That doesn't look like a valid token. Paste the whole token.";
  if (claims.expiresAtMs <= Date.now()) return "That token has expired. Sign in with a new one.";
  Object.assign(state, { token, claims, reason: null });
  sessionStorage.setItem(KEY, token);
  sessionStorage.removeItem(SIGNED_OUT_KEY);
  watchExpiry(claims.expiresAtMs);
  return null;
}

/** Signs out in this tab; the sign-in page shows `reason`. */
export function signOut(reason: string | null = null): void {
  clearTimeout(expiryTimer);
  sessionStorage.removeItem(KEY);
  Object.assign(state, { token: null, claims: null, reason });
}

/** Signs out in every tab that has this token. */
export function signOutInAllTabs(): void {
  if (state.token) channel?.announceSignOut(state.token);
  sessionStorage.setItem(SIGNED_OUT_KEY, "yes");
  signOut("You have signed out.");
}

/** Answers new tabs that ask for the token, and follows a sign-out in another tab. */
export function shareSession(): void {
  const shared = (channel = new TokenChannel(
    () => state.token,
    (token) => {
      if (token !== state.token) return;
      sessionStorage.setItem(SIGNED_OUT_KEY, "yes");
      signOut("You have signed out in another tab.");
    },
  ));
  for (const use of ["pointerdown", "keydown", "focus"])
    window.addEventListener(use, () => shared.noteUse(), { capture: true, passive: true });
}

/** Signs in with the token of an open tab, if there is one. Does nothing after a sign-out here. */
export async function adoptSession(): Promise<void> {
  if (!channel || sessionStorage.getItem(SIGNED_OUT_KEY)) return;
  const token = await channel.request();
  if (token && !state.token) signIn(token);
}

/** Signs in with the token of the address or of sessionStorage; returns whether there was one. */
export function restoreSession(): boolean {
  const fragment = /^#token=([^&]+)/.exec(location.hash);
  if (fragment) history.replaceState(history.state, "", location.pathname + location.search);
  const token = fragment ? fragment[1] : sessionStorage.getItem(KEY);
  if (!token) return false;
  if (token === state.token) return true;
  const problem = signIn(token);
  if (problem) signOut(problem);
  return true;
}

function watchExpiry(atMs: number): void {
  clearTimeout(expiryTimer);
  const wait = Math.min(atMs - Date.now(), TIMER_MS_MAX);
  expiryTimer = setTimeout(() => {
    if (Date.now() >= atMs) signOut("Your token has expired. Sign in with a new one.");
    else watchExpiry(atMs);
  }, wait);
}
