// The live state for all pages, from one socket; pages update at most ten times a second, and at most
// once a second while many calls change.
import { computed, reactive, shallowRef, triggerRef } from "vue";
import { LiveFeed, type LinkState, type LiveMessage } from "cost-analytics-client";
import type { Alert, Budget } from "../api/bodies";
import { api } from "../api/client";
import { loadBudget } from "../api/routes";
import { announce, toast } from "../app/notices";
import { capitalize, personaName } from "../format/names";
import { session, signOut } from "../app/session";
import { convertMessage } from "./messages";
import { scopeSuffix } from "../budget/scopes";
import { LiveState, type Changes } from "./state";

const SHOW_EVERY_MS = 100;
const SHOW_MANY_EVERY_MS = 1_000;
const MANY_CALLS = 20;
const SECOND_MS = 1_000;

const state = shallowRef(new LiveState());
const link = reactive<{ state: LinkState; everLive: boolean }>({
  state: { is: "connecting" },
  everLive: false,
});
/** performance.now(), updated at least each second, for elapsed times. */
const nowMs = shallowRef(performance.now());
let showing: ReturnType<typeof setTimeout> | undefined;
let clock: ReturnType<typeof setInterval> | undefined;

const feed = new LiveFeed(api, {
  onMessage: receive,
  onState: (next) => {
    link.state = next;
    if (next.is === "live") link.everLive = true;
  },
  onExpired: () => signOut("Your token has expired. Sign in with a new one."),
});

export const live = {
  link,
  nowMs,
  calls: computed(() =>
    [...state.value.active.values()].sort(
      (a, b) => Date.parse(b.startedAt ?? b.updatedAt) - Date.parse(a.startedAt ?? a.updatedAt),
    ),
  ),
  ended: computed(() => state.value.ended),
  alerts: computed(() => state.value.alerts),
  budget: computed(() => state.value.budget),
};

/** Starts the live feed for the signed-in user. */
export function startLive(): void {
  state.value = new LiveState();
  link.everLive = false;
  feed.start();
  clock = setInterval(tick, SECOND_MS);
  window.addEventListener("online", reconnectIfVisible);
  document.addEventListener("visibilitychange", reconnectIfVisible);
  void loadBefore();
}

export function stopLive(): void {
  feed.stop();
  clearInterval(clock);
  clearTimeout(showing);
  showing = undefined;
  window.removeEventListener("online", reconnectIfVisible);
  document.removeEventListener("visibilitychange", reconnectIfVisible);
}

/** Sets a budget that was loaded or saved elsewhere. */
export function setBudget(budget: Budget): void {
  if (budget.userId !== session.claims?.user) return;
  state.value.budget = budget;
  state.value.addEarlierAlerts(budget.alerts);
  show();
}

async function loadBefore(): Promise<void> {
  const user = session.claims?.user;
  if (!user) return;
  try {
    setBudget(await loadBudget(user));
  } catch {
    // The socket sends it too; pages show a placeholder until then.
  }
}

function receive(message: LiveMessage): void {
  tell(state.value.apply(convertMessage(message, performance.now())));
  show();
}

function tell(changes: Changes): void {
  for (const alert of changes.alerts) toast(alertTitle(alert), alert.message, "warning");
  const mine = (userId: string): boolean => userId === session.claims?.user;
  const started = changes.started.filter((call) => mine(call.userId)).at(-1);
  const ended = changes.ended.filter((call) => mine(call.userId)).at(-1);
  if (started) announce(`Call with ${personaName(started.personaId)} started.`);
  if (ended) announce(`Call with ${personaName(ended.personaId)} ended.`);
}

const LIMITS = {
  daily: "daily limit",
  weekly: "weekly limit",
  monthly: "monthly limit",
  call: "call limit",
} as const;

export function alertTitle(alert: Alert): string {
  const limit = LIMITS[alert.type] + scopeSuffix(alert.scope);
  const percent = Number(alert.threshold_percent);
  const whose = ownerOf(alert);
  return percent === 100
    ? `${whose}${capitalize(limit)} reached`
    : `${whose}${percent}% of ${limit} used`;
}

/** Whose limit it is, as the beginning of a title; nothing for the own limits, and for a service. */
function ownerOf({ userId, scope }: Alert): string {
  if (userId === "") return scope?.kind === "all" ? "All users: " : "";
  return userId === session.claims?.user ? "" : `${userId}: `;
}

function show(): void {
  const pauseMs = state.value.active.size > MANY_CALLS ? SHOW_MANY_EVERY_MS : SHOW_EVERY_MS;
  showing ??= setTimeout(() => {
    showing = undefined;
    // Together with the elapsed times, so that a page is not drawn twice.
    nowMs.value = performance.now();
    triggerRef(state);
  }, pauseMs);
}

function tick(): void {
  if (showing === undefined) nowMs.value = performance.now();
}

function reconnectIfVisible(): void {
  if (document.visibilityState === "visible") feed.reconnectNow();
}
