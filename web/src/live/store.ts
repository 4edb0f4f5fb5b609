// The live state of all pages, from one socket. Pages update at most ten times a second, and at most
// once a second with many active calls.
import { computed, reactive, shallowRef, triggerRef } from "vue";
import { LiveFeed, type LinkState, type LiveMessage } from "cost-analytics-client";
import type { Budget } from "../api/bodies";
import { api } from "../api/client";
import { loadBudget } from "../api/routes";
import { announce, toast } from "../app/notices";
import { alertTitle } from "../budget/alert-titles";
import { personaName } from "../format/names";
import { session, signOut } from "../app/session";
import { convertMessage, type LiveCall } from "./messages";
import { LiveState, type Changes } from "./state";

const UPDATE_MS = 100;
const UPDATE_MS_WITH_MANY_CALLS = 1_000;
const MANY_CALLS = 20;
const SECOND_MS = 1_000;

const state = shallowRef(new LiveState());
/** `wasLive`: whether it has been live since the sign-in. */
const link = reactive<{ state: LinkState; wasLive: boolean }>({
  state: { is: "connecting" },
  wasLive: false,
});
/** performance.now(), updated at least once a second, for elapsed times. */
const nowMs = shallowRef(performance.now());
let updateTimer: ReturnType<typeof setTimeout> | undefined;
let clockTimer: ReturnType<typeof setInterval> | undefined;

const feed = new LiveFeed(api, {
  onMessage: receive,
  onState: (next) => {
    link.state = next;
    if (next.is === "live") link.wasLive = true;
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
  link.wasLive = false;
  feed.start();
  clockTimer = setInterval(tick, SECOND_MS);
  window.addEventListener("online", reconnectIfVisible);
  document.addEventListener("visibilitychange", reconnectIfVisible);
  void loadOwnBudget();
}

export function stopLive(): void {
  feed.stop();
  clearInterval(clockTimer);
  clearTimeout(updateTimer);
  updateTimer = undefined;
  window.removeEventListener("online", reconnectIfVisible);
  document.removeEventListener("visibilitychange", reconnectIfVisible);
}

/** Takes over the signed-in user's budget after a page has loaded or saved it. */
export function setBudget(budget: Budget): void {
  if (budget.userId !== session.claims?.user) return;
  state.value.budget = budget;
  state.value.addEarlierAlerts(budget.alerts);
  scheduleUpdate();
}

async function loadOwnBudget(): Promise<void> {
  const user = session.claims?.user;
  if (!user) return;
  try {
    setBudget(await loadBudget(user));
  } catch {
    // The socket sends it, too; pages show a placeholder until then.
  }
}

function receive(message: LiveMessage): void {
  announceChanges(state.value.apply(convertMessage(message, performance.now())));
  scheduleUpdate();
}

function announceChanges(changes: Changes): void {
  for (const alert of changes.alerts) toast(alertTitle(alert), alert.message, "warning");
  const isOwn = (call: LiveCall): boolean => call.userId === session.claims?.user;
  const started = changes.started.findLast(isOwn);
  const ended = changes.ended.findLast(isOwn);
  if (started) announce(`Call with ${personaName(started.personaId)} started.`);
  if (ended) announce(`Call with ${personaName(ended.personaId)} ended.`);
}

function scheduleUpdate(): void {
  const hasMany = state.value.active.size > MANY_CALLS;
  const pauseMs = hasMany ? UPDATE_MS_WITH_MANY_CALLS : UPDATE_MS;
  updateTimer ??= setTimeout(() => {
    updateTimer = undefined;
    // Calls and elapsed times together, so that a page is drawn once.
    nowMs.value = performance.now();
    triggerRef(state);
  }, pauseMs);
}

function tick(): void {
  if (updateTimer === undefined) nowMs.value = performance.now();
}

function reconnectIfVisible(): void {
  if (document.visibilityState === "visible") feed.reconnectNow();
}
