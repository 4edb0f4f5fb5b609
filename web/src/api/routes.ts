// The API requests of the pages.
import { lastDays, type Span } from "../app/period";
import type { CallQuery } from "../calls/call-list";
import { ask, download } from "./client";
import type {
  Recommendations,
  Alert,
  AlertPage,
  Analytics,
  Anomaly,
  AnomalyDetail,
  AnomalyPage,
  Budget,
  BudgetChange,
  CallCost,
  CallEvent,
  CallPage,
  Channel,
  Channels,
  Deliveries,
  Delivery,
  EventPage,
  Forecast,
  ForecastPeriod,
  ListedAlert,
  NewChannel,
  PriceList,
  Proof,
  RecentCosts,
  Reconciliation,
  Requested,
  RerateReport,
  Spending,
  TopCosts,
  UserList,
  WantedChannel,
} from "./bodies";

export type ExportType = "daily" | "calls" | "events";

const EVENTS_A_PAGE = 100;
const EVENT_PAGES_MOST = 20;
const ALERTS_A_PAGE = 8;
const RERATE_SECONDS_MOST = 120;

const of = (user: string): string => `/api/costs/user/${encodeURIComponent(user)}`;

const daysQuery = ({ start, end }: Span): string => `startDate=${start}&endDate=${end}`;
const spanQuery = (span: Span): string => `period=custom&${daysQuery(span)}`;

/** A user's spending; if `compare` is set, with the totals of the period before. */
export const spending = (
  user: string,
  span: Span,
  signal: AbortSignal,
  compare = false,
): Promise<Spending> =>
  ask(`${of(user)}/spending?${spanQuery(span)}${compare ? "&compare=true" : ""}`, { signal });

/** A page of a user's calls, filtered and sorted. */
export function calls(
  user: string,
  { span, sort, ...filters }: CallQuery,
  limit: number,
  cursor: string | null,
  signal: AbortSignal,
): Promise<CallPage> {
  const given = Object.entries({ ...filters, cursor: cursor ?? "" }).filter(([, text]) => text);
  const query = new URLSearchParams([["limit", String(limit)], ["sort", sort], ...given]);
  return ask(`${of(user)}/calls?${daysQuery(span)}&${query.toString()}`, { signal });
}

/** Whether the user has had a call, of any time. */
export async function hasCalls(user: string, signal: AbortSignal): Promise<boolean> {
  const page = await ask<CallPage>(`${of(user)}/calls?limit=1`, { signal });
  return page.calls.length > 0;
}

export const exportCsv = (user: string, type: ExportType, span: Span): Promise<Blob> =>
  download(`${of(user)}/export.csv?type=${type}&${daysQuery(span)}`);

export const budget = (user: string, signal: AbortSignal): Promise<Budget> =>
  ask(`${of(user)}/budget`, { signal });

export const changeBudget = (user: string, change: BudgetChange): Promise<Budget> =>
  ask(`${of(user)}/budget`, { method: "PUT", body: change });

const channel = (user: string, channelId: string): string =>
  `${of(user)}/channels/${encodeURIComponent(channelId)}`;

export const channels = async (user: string, signal: AbortSignal): Promise<Channel[]> =>
  (await ask<Channels>(`${of(user)}/channels`, { signal })).channels;

export const addChannel = (user: string, wanted: WantedChannel): Promise<NewChannel> =>
  ask(`${of(user)}/channels`, { method: "POST", body: wanted });

/** Removes a channel; returns the remaining ones. */
export const removeChannel = async (user: string, channelId: string): Promise<Channel[]> =>
  (await ask<Channels>(channel(user, channelId), { method: "DELETE" })).channels;

/** Verifies a channel by its code; without a code, requests a new one. */
export const verifyChannel = (
  user: string,
  channelId: string,
  proof: Proof = {},
): Promise<Channel> => ask(`${channel(user, channelId)}/verify`, { method: "POST", body: proof });

/** Sends a test message; returns the id of its delivery. */
export const testChannel = async (user: string, channelId: string): Promise<string> =>
  (await ask<Requested>(`${channel(user, channelId)}/test`, { method: "POST" })).deliveryId;

/** A channel's latest deliveries, newest first. */
export const deliveries = async (
  user: string,
  channelId: string,
  signal: AbortSignal,
): Promise<Delivery[]> =>
  (await ask<Deliveries>(`${channel(user, channelId)}/deliveries`, { signal })).deliveries;

export const call = (callId: string, signal: AbortSignal): Promise<CallCost> =>
  ask(`/api/costs/call/${encodeURIComponent(callId)}`, { signal });

/** A call's events, oldest first, up to a limit. */
export async function callEvents(callId: string, signal: AbortSignal): Promise<CallEvent[]> {
  const events: CallEvent[] = [];
  let after = "";
  for (let page = 0; page < EVENT_PAGES_MOST; page += 1) {
    const path = `/api/costs/call/${encodeURIComponent(callId)}/events?limit=${EVENTS_A_PAGE}${after}`;
    const found = await ask<EventPage>(path, { signal });
    events.push(...found.events);
    if (found.nextCursor === null) break;
    after = `&cursor=${encodeURIComponent(found.nextCursor)}`;
  }
  return events;
}

export const analytics = (span: Span, signal: AbortSignal): Promise<Analytics> =>
  ask(`/api/admin/costs/analytics?${spanQuery(span)}`, { signal });

/** The costs of the last ten minutes, of a user or, for null, of all users. */
export const recentCosts = (user: string | null, signal: AbortSignal): Promise<RecentCosts> =>
  ask(user === null ? "/api/admin/costs/recent" : `${of(user)}/recent`, { signal });

/** A ranking of users, personas, services or days. */
export interface Ranking {
  by: TopCosts["by"];
  sort: TopCosts["sort"];
  order: TopCosts["order"];
  limit: number;
}

export function topCosts(span: Span, ranking: Ranking, signal: AbortSignal): Promise<TopCosts> {
  const { by, sort, order, limit } = ranking;
  const query = `by=${by}&sort=${sort}&order=${order}&limit=${limit}`;
  return ask(`/api/admin/costs/top?${query}&${spanQuery(span)}`, { signal });
}

/** The users whose id contains `part`; the equal id comes first. */
export const findUsers = (part: string, limit: number, signal: AbortSignal): Promise<UserList> =>
  ask(`/api/admin/users?q=${encodeURIComponent(part)}&limit=${limit}`, { signal });

export const reconciliation = (signal: AbortSignal): Promise<Reconciliation> =>
  ask(`/api/admin/reconciliation?${spanQuery(lastDays(7))}`, { signal });

export const forecast = (
  user: string,
  period: ForecastPeriod,
  signal: AbortSignal,
): Promise<Forecast> => ask(`${of(user)}/forecast?period=${period}`, { signal });

export const recommendations = (user: string, signal: AbortSignal): Promise<Recommendations> =>
  ask(`${of(user)}/recommendations`, { signal });

export interface AnomalyChoice {
  /** Empty for all kinds. */
  kind: Anomaly["kind"] | "";
  /** Whether they are dismissed. */
  dismissed: "false" | "true" | "any";
}

/** Anomalies, latest first; of all users if `user` is null. */
export function anomalies(
  user: string | null,
  { kind, dismissed }: AnomalyChoice,
  limit: number,
  cursor: string | null,
  signal: AbortSignal,
): Promise<AnomalyPage> {
  const path = user === null ? "/api/admin/costs/anomalies" : `${of(user)}/anomalies`;
  const query = new URLSearchParams({ limit: String(limit), dismissed });
  if (kind) query.set("kind", kind);
  if (cursor !== null) query.set("cursor", cursor);
  return ask(`${path}?${query.toString()}`, { signal });
}

const anomalyPath = (user: string, anomalyId: string): string =>
  `${of(user)}/anomalies/${encodeURIComponent(anomalyId)}`;

/** An anomaly with the costs that its chart shows. */
export const anomaly = (
  user: string,
  anomalyId: string,
  signal: AbortSignal,
): Promise<AnomalyDetail> => ask(anomalyPath(user, anomalyId), { signal });

export const dismissAnomaly = (user: string, anomalyId: string, reason: string): Promise<Anomaly> =>
  ask(`${anomalyPath(user, anomalyId)}/dismissal`, { method: "PUT", body: { reason } });

export const undoDismissal = (user: string, anomalyId: string): Promise<Anomaly> =>
  ask(`${anomalyPath(user, anomalyId)}/dismissal`, { method: "DELETE" });

export interface AlertChoice {
  /** Null for alerts of all limits. */
  type: Alert["type"] | null;
  unreadOnly: boolean;
}

/** A user's alerts, latest first. */
export function alerts(
  user: string,
  { type, unreadOnly }: AlertChoice,
  cursor: string | null,
  signal: AbortSignal,
): Promise<AlertPage> {
  const query = new URLSearchParams({ limit: String(ALERTS_A_PAGE) });
  if (type) query.set("type", type);
  if (unreadOnly) query.set("read", "false");
  if (cursor !== null) query.set("cursor", cursor);
  return ask(`${of(user)}/alerts?${query.toString()}`, { signal });
}

export const markAlert = (user: string, alertId: string, read: boolean): Promise<ListedAlert> =>
  ask(`${of(user)}/alerts/${encodeURIComponent(alertId)}/read`, { method: "PUT", body: { read } });

/** The price catalogue; with `past`, replaced prices too. */
export const prices = (past: boolean, signal: AbortSignal): Promise<PriceList> =>
  ask(`/api/admin/prices${past ? "?all=true" : ""}`, { signal });

export const decidePrice = (id: string, decision: "approve" | "reject"): Promise<unknown> =>
  ask(`/api/admin/prices/${encodeURIComponent(id)}/${decision}`, { method: "POST" });

/** Which recorded costs to reprice; without `to`, all until now. */
export interface RerateSpan {
  from: string;
  to?: string;
  service: string;
}

/** Previews or applies backdated prices. */
export function rerate(span: RerateSpan, dryRun: boolean): Promise<RerateReport> {
  const query = new URLSearchParams({ from: span.from, dryRun: String(dryRun) });
  if (span.to) query.set("to", span.to);
  if (span.service) query.set("service", span.service);
  const path = `/api/admin/prices/rerate?${query.toString()}`;
  return ask(path, { method: "POST", seconds: RERATE_SECONDS_MOST });
}
