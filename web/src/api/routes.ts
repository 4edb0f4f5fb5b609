// The API requests of the pages.
import { lastDays, type Span } from "../app/period";
import type { CallQuery } from "../calls/call-list";
import type { FilterQuery, GroupBy } from "../spending/cost-filters";
import { request, download } from "./client";
import type {
  Recommendations,
  Alert,
  AlertPage,
  Analytics,
  ApiKeyItem,
  ApiKeyReport,
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
  ChargePlanEntered,
  ChargePlanList,
  CostGroups,
  Deliveries,
  Delivery,
  EventPage,
  Forecast,
  ForecastPeriod,
  HeldCallPage,
  ListedAlert,
  NewApiKey,
  NewChannel,
  NewChargePlan,
  NewWebhookEndpoint,
  ModelAliasList,
  PriceList,
  Proof,
  RecentCosts,
  Reconciliation,
  Requested,
  RerateReport,
  Spending,
  TopCosts,
  UserList,
  WantedApiKey,
  WantedChannel,
  WantedWebhookEndpoint,
  WebhookEndpointItem,
} from "./bodies";

export type ExportType = "daily" | "calls" | "events";

const EVENTS_A_PAGE = 100;
const EVENT_PAGES_MAX = 20;
const ALERTS_A_PAGE = 8;
const HELD_CALLS_SHOWN = 20;
const RERATE_SECONDS_MAX = 120;

const userPath = (user: string): string => `/api/costs/user/${encodeURIComponent(user)}`;

const daysQuery = ({ start, end }: Span): string => `startDate=${start}&endDate=${end}`;
const spanQuery = (span: Span): string => `period=custom&${daysQuery(span)}`;

/** Further parameters, each with a leading `&`. */
const moreQuery = (parameters: FilterQuery): string =>
  parameters.length ? `&${new URLSearchParams(parameters).toString()}` : "";

/** A user's spending, as filtered, or with the totals of the period before. */
export const loadSpending = (
  user: string,
  span: Span,
  signal: AbortSignal,
  filters: FilterQuery | "compare" = [],
): Promise<Spending> => {
  const more = moreQuery(filters === "compare" ? [["compare", "true"]] : filters);
  return request(`${userPath(user)}/spending?${spanQuery(span)}${more}`, { signal });
};

/** The groups of a user's costs or, for null, of all users'. */
export async function loadGroups(
  user: string | null,
  span: Span,
  filters: FilterQuery,
  groupBy: GroupBy,
  signal: AbortSignal,
): Promise<CostGroups | null> {
  const path = user === null ? "/api/admin/costs/analytics" : `${userPath(user)}/spending`;
  const query = `${spanQuery(span)}${moreQuery([["groupBy", groupBy], ...filters])}`;
  return (await request<Spending | Analytics>(`${path}?${query}`, { signal })).groups ?? null;
}

/** The keys of the tags of a user's latest calls in a period, in order. */
export async function loadTagKeys(
  user: string,
  span: Span,
  signal: AbortSignal,
): Promise<string[]> {
  const path = `${userPath(user)}/calls?limit=100&${daysQuery(span)}`;
  const { calls } = await request<CallPage>(path, { signal });
  return [...new Set(calls.flatMap(({ tags }) => Object.keys(tags)))].sort();
}

/** A page of a user's calls, filtered and sorted. */
export function loadCalls(
  user: string,
  { span, sort, ...wanted }: CallQuery,
  limit: number,
  cursor: string | null,
  signal: AbortSignal,
): Promise<CallPage> {
  const page: FilterQuery = [
    ["limit", String(limit)],
    ["sort", sort],
    ...callFilters(wanted),
    ...(cursor === null ? [] : [["cursor", cursor] as [string, string]]),
  ];
  const query = new URLSearchParams(page);
  return request(`${userPath(user)}/calls?${daysQuery(span)}&${query.toString()}`, { signal });
}

/** The filters of a list of calls. */
function callFilters({ q, status, filters }: Omit<CallQuery, "span" | "sort">): FilterQuery {
  const own: FilterQuery = [
    ["q", q],
    ["status", status],
  ];
  return [...own.filter(([, text]) => text), ...filters];
}

/** Whether the user has had a call, of any time. */
export async function hasCalls(user: string, signal: AbortSignal): Promise<boolean> {
  const page = await request<CallPage>(`${userPath(user)}/calls?limit=1`, { signal });
  return page.calls.length > 0;
}

/** A file with what the filters select; days have no status and no id. */
export const exportCsv = (
  user: string,
  type: ExportType,
  { span, ...wanted }: CallQuery,
): Promise<Blob> => {
  const filters = type === "daily" ? wanted.filters : callFilters(wanted);
  const query = `type=${type}&${daysQuery(span)}${moreQuery(filters)}`;
  return download(`${userPath(user)}/export.csv?${query}`);
};

export const loadBudget = (user: string, signal: AbortSignal): Promise<Budget> =>
  request(`${userPath(user)}/budget`, { signal });

export const changeBudget = (user: string, change: BudgetChange): Promise<Budget> =>
  request(`${userPath(user)}/budget`, { method: "PUT", body: change });

const channelPath = (user: string, channelId: string): string =>
  `${userPath(user)}/channels/${encodeURIComponent(channelId)}`;

export const loadChannels = async (user: string, signal: AbortSignal): Promise<Channel[]> =>
  (await request<Channels>(`${userPath(user)}/channels`, { signal })).channels;

export const addChannel = (user: string, channel: WantedChannel): Promise<NewChannel> =>
  request(`${userPath(user)}/channels`, { method: "POST", body: channel });

/** Removes a channel; returns the remaining ones. */
export const removeChannel = async (user: string, channelId: string): Promise<Channel[]> =>
  (await request<Channels>(channelPath(user, channelId), { method: "DELETE" })).channels;

/** Verifies a channel by its code; without a code, requests a new one. */
export const verifyChannel = (
  user: string,
  channelId: string,
  proof: Proof = {},
): Promise<Channel> =>
  request(`${channelPath(user, channelId)}/verify`, { method: "POST", body: proof });

/** Sends a test message; returns the id of its delivery. */
export const testChannel = async (user: string, channelId: string): Promise<string> =>
  (await request<Requested>(`${channelPath(user, channelId)}/test`, { method: "POST" })).deliveryId;

/** A channel's latest deliveries, newest first. */
export const loadDeliveries = async (
  user: string,
  channelId: string,
  signal: AbortSignal,
): Promise<Delivery[]> =>
  (await request<Deliveries>(`${channelPath(user, channelId)}/deliveries`, { signal })).deliveries;

export const loadCall = (callId: string, signal: AbortSignal): Promise<CallCost> =>
  request(`/api/costs/call/${encodeURIComponent(callId)}`, { signal });

/** A call's events, oldest first, up to a limit; `hasMore` beyond it. */
export interface LoadedEvents {
  events: CallEvent[];
  hasMore: boolean;
}

export async function loadCallEvents(callId: string, signal: AbortSignal): Promise<LoadedEvents> {
  const events: CallEvent[] = [];
  let after = "";
  for (let page = 0; page < EVENT_PAGES_MAX; page += 1) {
    const path = `/api/costs/call/${encodeURIComponent(callId)}/events?limit=${EVENTS_A_PAGE}${after}`;
    const loaded = await request<EventPage>(path, { signal });
    events.push(...loaded.events);
    if (loaded.nextCursor === null) return { events, hasMore: false };
    after = `&cursor=${encodeURIComponent(loaded.nextCursor)}`;
  }
  return { events, hasMore: true };
}

export const loadAnalytics = (
  span: Span,
  filters: FilterQuery,
  signal: AbortSignal,
): Promise<Analytics> =>
  request(`/api/admin/costs/analytics?${spanQuery(span)}${moreQuery(filters)}`, { signal });

/** The costs of the last ten minutes, of a user or, for null, of all users. */
export const loadRecentCosts = (user: string | null, signal: AbortSignal): Promise<RecentCosts> =>
  request(user === null ? "/api/admin/costs/recent" : `${userPath(user)}/recent`, { signal });

/** A ranking of users, personas, services or days. */
export interface Ranking {
  by: TopCosts["by"];
  sort: TopCosts["sort"];
  order: TopCosts["order"];
  limit: number;
}

export function loadTopCosts(span: Span, ranking: Ranking, signal: AbortSignal): Promise<TopCosts> {
  const { by, sort, order, limit } = ranking;
  const query = `by=${by}&sort=${sort}&order=${order}&limit=${limit}`;
  return request(`/api/admin/costs/top?${query}&${spanQuery(span)}`, { signal });
}

/** The users whose id contains `part`; the equal id comes first. */
export const findUsers = (part: string, limit: number, signal: AbortSignal): Promise<UserList> =>
  request(`/api/admin/users?q=${encodeURIComponent(part)}&limit=${limit}`, { signal });

export const loadReconciliation = (signal: AbortSignal): Promise<Reconciliation> =>
  request(`/api/admin/reconciliation?${spanQuery(lastDays(7))}`, { signal });

export const loadForecast = (
  user: string,
  period: ForecastPeriod,
  signal: AbortSignal,
): Promise<Forecast> => request(`${userPath(user)}/forecast?period=${period}`, { signal });

export const loadRecommendations = (user: string, signal: AbortSignal): Promise<Recommendations> =>
  request(`${userPath(user)}/recommendations`, { signal });

export interface AnomalyChoice {
  /** Empty for all kinds. */
  kind: Anomaly["kind"] | "";
  /** Whether they are dismissed. */
  dismissed: "false" | "true" | "any";
}

/** Anomalies, latest first; of all users if `user` is null. */
export function loadAnomalies(
  user: string | null,
  { kind, dismissed }: AnomalyChoice,
  limit: number,
  cursor: string | null,
  signal: AbortSignal,
): Promise<AnomalyPage> {
  const path = user === null ? "/api/admin/costs/anomalies" : `${userPath(user)}/anomalies`;
  const query = new URLSearchParams({ limit: String(limit), dismissed });
  if (kind) query.set("kind", kind);
  if (cursor !== null) query.set("cursor", cursor);
  return request(`${path}?${query.toString()}`, { signal });
}

const anomalyPath = (user: string, anomalyId: string): string =>
  `${userPath(user)}/anomalies/${encodeURIComponent(anomalyId)}`;

/** An anomaly with the costs that its chart shows. */
export const loadAnomaly = (
  user: string,
  anomalyId: string,
  signal: AbortSignal,
): Promise<AnomalyDetail> => request(anomalyPath(user, anomalyId), { signal });

export const dismissAnomaly = (user: string, anomalyId: string, reason: string): Promise<Anomaly> =>
  request(`${anomalyPath(user, anomalyId)}/dismissal`, { method: "PUT", body: { reason } });

export const undoDismissal = (user: string, anomalyId: string): Promise<Anomaly> =>
  request(`${anomalyPath(user, anomalyId)}/dismissal`, { method: "DELETE" });

export interface AlertChoice {
  /** Null for alerts of all limits. */
  type: Alert["type"] | null;
  unreadOnly: boolean;
}

/** A user's alerts, latest first. */
export function loadAlerts(
  user: string,
  { type, unreadOnly }: AlertChoice,
  cursor: string | null,
  signal: AbortSignal,
): Promise<AlertPage> {
  const query = new URLSearchParams({ limit: String(ALERTS_A_PAGE) });
  if (type) query.set("type", type);
  if (unreadOnly) query.set("read", "false");
  if (cursor !== null) query.set("cursor", cursor);
  return request(`${userPath(user)}/alerts?${query.toString()}`, { signal });
}

export const markAlert = (user: string, alertId: string, read: boolean): Promise<ListedAlert> =>
  request(`${userPath(user)}/alerts/${encodeURIComponent(alertId)}/read`, {
    method: "PUT",
    body: { read },
  });

/** The price catalogue; with `past`, replaced prices too. */
export const loadPrices = (past: boolean, signal: AbortSignal): Promise<PriceList> =>
  request(`/api/admin/prices${past ? "?all=true" : ""}`, { signal });

/** All aliases of models. */
export const loadAliases = (signal: AbortSignal): Promise<ModelAliasList> =>
  request("/api/admin/prices/aliases", { signal });

/** The charge plans; with `past`, replaced ones, too. */
export const loadChargePlans = (past: boolean, signal: AbortSignal): Promise<ChargePlanList> =>
  request(`/api/admin/charge-plans${past ? "?all=true" : ""}`, { signal });

export const enterChargePlan = (body: NewChargePlan): Promise<ChargePlanEntered> =>
  request("/api/admin/charge-plans", { method: "POST", body });

export const decidePrice = (id: string, decision: "approve" | "reject"): Promise<unknown> =>
  request(`/api/admin/prices/${encodeURIComponent(id)}/${decision}`, { method: "POST" });

export const loadApiKeys = async (signal: AbortSignal): Promise<ApiKeyItem[]> =>
  (await request<{ keys: ApiKeyItem[] }>("/api/admin/keys", { signal })).keys;

export const createApiKey = (wanted: WantedApiKey): Promise<NewApiKey> =>
  request("/api/admin/keys", { method: "POST", body: wanted });

/** What became of the last report of a key. */
export const loadApiKeyReport = (id: string, signal: AbortSignal): Promise<ApiKeyReport> =>
  request(`/api/admin/keys/${encodeURIComponent(id)}`, { signal });

export const loadWebhookEndpoints = async (signal: AbortSignal): Promise<WebhookEndpointItem[]> =>
  (await request<{ endpoints: WebhookEndpointItem[] }>("/api/admin/webhooks", { signal }))
    .endpoints;

export const createWebhookEndpoint = (
  wanted: Partial<WantedWebhookEndpoint>,
): Promise<NewWebhookEndpoint> => request("/api/admin/webhooks", { method: "POST", body: wanted });

/** The first calls whose events wait for a user. */
export const loadHeldCalls = (signal: AbortSignal): Promise<HeldCallPage> =>
  request(`/api/admin/held-calls?limit=${String(HELD_CALLS_SHOWN)}`, { signal });

export const assignHeldCall = (callId: string, userId: string): Promise<unknown> =>
  request(`/api/admin/held-calls/${encodeURIComponent(callId)}/assign`, {
    method: "POST",
    body: { userId },
  });

export const revokeApiKey = (id: string): Promise<ApiKeyItem> =>
  request(`/api/admin/keys/${encodeURIComponent(id)}`, { method: "DELETE" });

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
  return request(path, { method: "POST", seconds: RERATE_SECONDS_MAX });
}
