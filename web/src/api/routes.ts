// The API requests of the pages.
import * as costs from "cost-analytics-client";
import { lastDays, type Span } from "../app/period";
import type { CallQuery } from "../calls/call-list";
import type { FilterQuery, GroupBy } from "../spending/cost-filters";
import { api } from "./client";
import type {
  Alert,
  AlertPage,
  Analytics,
  Anomaly,
  AnomalyDetail,
  AnomalyPage,
  ApiKeyItem,
  ApiKeyReport,
  Budget,
  BudgetChange,
  CallCost,
  CallEvent,
  CallPage,
  Channel,
  ChannelChange,
  ChargePlanEntered,
  ChargePlanList,
  CostGroups,
  Delivery,
  EventPage,
  Forecast,
  ForecastPeriod,
  GlobalBudgetList,
  HeldCallPage,
  ListedAlert,
  ModelAliasList,
  NewApiKey,
  NewChannel,
  NewChargePlan,
  NewWebhookEndpoint,
  PriceList,
  Proof,
  RecentCosts,
  Recommendations,
  Reconciliation,
  RerateReport,
  ScopedBudget,
  ScopedBudgetList,
  Spending,
  TopCosts,
  UserList,
  WantedApiKey,
  WantedBudget,
  WantedChannel,
  WantedGlobalBudget,
  WantedWebhookEndpoint,
  WebhookEndpointItem,
} from "./bodies";

export type ExportType = "daily" | "calls" | "events";

const EVENTS_PER_PAGE = 100;
const EVENT_PAGES_MAX = 20;
const ALERTS_PER_PAGE = 8;
const HELD_CALLS_MAX = 20;
const RERATE_SECONDS_MAX = 120;

const dayParameters = ({ start, end }: Span) => ({ startDate: start, endDate: end });
const periodParameters = (span: Span) => ({ period: "custom" as const, ...dayParameters(span) });

type Filters = Partial<Record<FilterQuery[number][0], string[]>>;

function filterParameters(query: FilterQuery): Filters {
  const filters: Filters = {};
  for (const [name, value] of query) (filters[name] ??= []).push(value);
  return filters;
}

export const loadSpending = (
  user: string,
  span: Span,
  signal: AbortSignal,
  filters: FilterQuery = [],
): Promise<Spending> => {
  const input = { userId: user, ...periodParameters(span), ...filterParameters(filters) };
  return costs.getSpending(api, input, { signal });
};

/** A user's spending with the totals of the period before; the API has none for filtered costs. */
export const loadComparedSpending = (
  user: string,
  span: Span,
  signal: AbortSignal,
): Promise<Spending> => {
  const input = { userId: user, ...periodParameters(span), compare: true };
  return costs.getSpending(api, input, { signal });
};

/** Groups of costs of a user or, for null, of all users. */
export async function loadGroups(
  user: string | null,
  span: Span,
  filters: FilterQuery,
  groupBy: GroupBy,
  signal: AbortSignal,
): Promise<CostGroups | null> {
  const input = { ...periodParameters(span), ...filterParameters(filters), groupBy };
  const { groups } =
    user === null
      ? await costs.getAnalytics(api, input, { signal })
      : await costs.getSpending(api, { userId: user, ...input }, { signal });
  return groups ?? null;
}

/** The keys of tags of a user's latest calls in a period, sorted. */
export async function loadTagKeys(
  user: string,
  span: Span,
  signal: AbortSignal,
): Promise<string[]> {
  const input = { userId: user, limit: 100, ...dayParameters(span) };
  const { calls } = await costs.listCalls(api, input, { signal });
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
  const input = {
    userId: user,
    ...dayParameters(span),
    ...callFilterParameters(wanted),
    limit,
    sort,
    cursor,
  };
  return costs.listCalls(api, input, { signal });
}

const callFilterParameters = ({ q, status, filters }: Omit<CallQuery, "span" | "sort">) => ({
  q: q || null,
  status: status || null,
  ...filterParameters(filters),
});

/** Whether the user has ever had a call. */
export async function hasCalls(user: string, signal: AbortSignal): Promise<boolean> {
  const page = await costs.listCalls(api, { userId: user, limit: 1 }, { signal });
  return page.calls.length > 0;
}

/** A CSV file of the filtered rows; days cannot be filtered by status or call ID. */
export async function exportCsv(
  user: string,
  type: ExportType,
  { span, ...wanted }: CallQuery,
): Promise<Blob> {
  const filters =
    type === "daily" ? filterParameters(wanted.filters) : callFilterParameters(wanted);
  const file = await costs.exportCosts(api, {
    userId: user,
    type,
    ...dayParameters(span),
    ...filters,
  });
  return file.blob();
}

export const loadBudget = (user: string, signal?: AbortSignal): Promise<Budget> =>
  costs.getBudget(api, { userId: user }, signal && { signal });

export const listBudgets = (user: string, signal?: AbortSignal): Promise<ScopedBudgetList> =>
  costs.listBudgets(api, { userId: user }, signal && { signal });

export const createBudget = (user: string, body: WantedBudget): Promise<ScopedBudget> =>
  costs.createBudget(api, { userId: user, body });

export const replaceBudget = (
  user: string,
  budgetId: string,
  body: WantedBudget,
): Promise<ScopedBudget> => costs.replaceBudget(api, { userId: user, budgetId, body });

export const deleteBudget = (user: string, budgetId: string): Promise<ScopedBudgetList> =>
  costs.deleteBudget(api, { userId: user, budgetId });

export const listGlobalBudgets = (signal?: AbortSignal): Promise<GlobalBudgetList> =>
  costs.listGlobalBudgets(api, {}, signal && { signal });

export const createGlobalBudget = (body: WantedGlobalBudget): Promise<ScopedBudget> =>
  costs.createGlobalBudget(api, { body });

export const replaceGlobalBudget = (
  budgetId: string,
  body: WantedGlobalBudget,
): Promise<ScopedBudget> => costs.replaceGlobalBudget(api, { budgetId, body });

export const deleteGlobalBudget = (budgetId: string): Promise<GlobalBudgetList> =>
  costs.deleteGlobalBudget(api, { budgetId });

export const changeBudget = (user: string, change: BudgetChange): Promise<Budget> =>
  costs.changeBudget(api, { userId: user, body: change });

/** The channels of a user or, for null, those of administrators. */
export const loadChannels = async (user: string | null, signal: AbortSignal): Promise<Channel[]> =>
  (user === null
    ? await costs.listAdministratorsChannels(api, {}, { signal })
    : await costs.listChannels(api, { userId: user }, { signal })
  ).channels;

export const addChannel = (user: string | null, body: WantedChannel): Promise<NewChannel> =>
  user === null
    ? costs.createAdministratorsChannel(api, { body })
    : costs.createChannel(api, { userId: user, body });

/** Changes what a channel receives, and its quiet hours. */
export const changeChannel = (
  user: string | null,
  channelId: string,
  body: ChannelChange,
): Promise<Channel> =>
  user === null
    ? costs.changeAdministratorsChannel(api, { channelId, body })
    : costs.changeChannel(api, { userId: user, channelId, body });

/** Removes a channel; returns the remaining ones. */
export const removeChannel = async (user: string | null, channelId: string): Promise<Channel[]> =>
  (user === null
    ? await costs.removeAdministratorsChannel(api, { channelId })
    : await costs.removeChannel(api, { userId: user, channelId })
  ).channels;

/** Verifies a channel by its code; without a code, requests a new one. */
export const verifyChannel = (
  user: string | null,
  channelId: string,
  proof: Proof = {},
): Promise<Channel> =>
  user === null
    ? costs.verifyAdministratorsChannel(api, { channelId, body: proof })
    : costs.verifyChannel(api, { userId: user, channelId, body: proof });

/** Sends a test message; returns the id of its delivery. */
export const testChannel = async (user: string | null, channelId: string): Promise<string> =>
  (user === null
    ? await costs.testAdministratorsChannel(api, { channelId })
    : await costs.testChannel(api, { userId: user, channelId })
  ).deliveryId;

/** A channel's latest deliveries, newest first. */
export const loadDeliveries = async (
  user: string | null,
  channelId: string,
  signal: AbortSignal,
): Promise<Delivery[]> =>
  (user === null
    ? await costs.listAdministratorsDeliveries(api, { channelId }, { signal })
    : await costs.listDeliveries(api, { userId: user, channelId }, { signal })
  ).deliveries;

export const loadCall = (callId: string, signal: AbortSignal): Promise<CallCost> =>
  costs.getCallCost(api, { callId }, { signal });

/** A call's events, oldest first; `hasMore` if there are more than are loaded. */
export interface LoadedEvents {
  events: CallEvent[];
  hasMore: boolean;
}

export async function loadCallEvents(callId: string, signal: AbortSignal): Promise<LoadedEvents> {
  const events: CallEvent[] = [];
  let cursor: string | null = null;
  for (let page = 0; page < EVENT_PAGES_MAX; page += 1) {
    const input = { callId, limit: EVENTS_PER_PAGE, cursor };
    const loaded: EventPage = await costs.listCallEvents(api, input, { signal });
    events.push(...loaded.events);
    cursor = loaded.nextCursor;
    if (cursor === null) return { events, hasMore: false };
  }
  return { events, hasMore: true };
}

export const loadAnalytics = (
  span: Span,
  filters: FilterQuery,
  signal: AbortSignal,
): Promise<Analytics> =>
  costs.getAnalytics(api, { ...periodParameters(span), ...filterParameters(filters) }, { signal });

/** The costs of the last ten minutes, of a user or, for null, of all users. */
export const loadRecentCosts = (user: string | null, signal: AbortSignal): Promise<RecentCosts> =>
  user === null
    ? costs.getAllRecentCosts(api, {}, { signal })
    : costs.getRecentCosts(api, { userId: user }, { signal });

/** A ranking of users, personas, services or days. */
export interface Ranking {
  by: TopCosts["by"];
  sort: TopCosts["sort"];
  order: TopCosts["order"];
  limit: number;
}

export const loadTopCosts = (
  span: Span,
  { by, sort, order, limit }: Ranking,
  signal: AbortSignal,
): Promise<TopCosts> =>
  costs.getTopCosts(api, { by, sort, order, limit, ...periodParameters(span) }, { signal });

/** The users whose id contains `part`; the equal id comes first. */
export const findUsers = (part: string, limit: number, signal: AbortSignal): Promise<UserList> =>
  costs.findUsers(api, { q: part, limit }, { signal });

export const loadReconciliation = (signal: AbortSignal): Promise<Reconciliation> =>
  costs.reconcile(api, periodParameters(lastDays(7)), { signal });

export const loadForecast = (
  user: string,
  period: ForecastPeriod,
  signal: AbortSignal,
): Promise<Forecast> => costs.getForecast(api, { userId: user, period }, { signal });

export const loadRecommendations = (user: string, signal: AbortSignal): Promise<Recommendations> =>
  costs.getRecommendations(api, { userId: user }, { signal });

export interface AnomalyFilter {
  /** Empty for all kinds. */
  kind: Anomaly["kind"] | "";
  dismissed: "false" | "true" | "any";
}

/** Anomalies, latest first; of all users if `user` is null. */
export function loadAnomalies(
  user: string | null,
  { kind, dismissed }: AnomalyFilter,
  limit: number,
  cursor: string | null,
  signal: AbortSignal,
): Promise<AnomalyPage> {
  const input = { limit, dismissed, kind: kind || null, cursor };
  return user === null
    ? costs.listAllAnomalies(api, input, { signal })
    : costs.listAnomalies(api, { userId: user, ...input }, { signal });
}

/** An anomaly with the costs that its chart shows. */
export const loadAnomaly = (
  user: string,
  anomalyId: string,
  signal: AbortSignal,
): Promise<AnomalyDetail> => costs.getAnomaly(api, { userId: user, anomalyId }, { signal });

export const dismissAnomaly = (user: string, anomalyId: string, reason: string): Promise<Anomaly> =>
  costs.dismissAnomaly(api, { userId: user, anomalyId, body: { reason } });

export const undoDismissal = (user: string, anomalyId: string): Promise<Anomaly> =>
  costs.undoAnomalyDismissal(api, { userId: user, anomalyId });

export interface AlertFilter {
  /** Null for alerts of all limits. */
  type: Alert["type"] | null;
  unreadOnly: boolean;
}

/** A user's alerts, latest first. */
export const loadAlerts = (
  user: string,
  { type, unreadOnly }: AlertFilter,
  cursor: string | null,
  signal: AbortSignal,
): Promise<AlertPage> => {
  const read = unreadOnly ? ("false" as const) : null;
  const input = { userId: user, limit: ALERTS_PER_PAGE, type, read, cursor };
  return costs.listAlerts(api, input, { signal });
};

export const markAlert = (user: string, alertId: string, read: boolean): Promise<ListedAlert> =>
  costs.markAlert(api, { userId: user, alertId, body: { read } });

/** The price catalogue; with `past`, replaced prices too. */
export const loadPrices = (past: boolean, signal: AbortSignal): Promise<PriceList> =>
  costs.listPrices(api, { all: past }, { signal });

export const loadAliases = (signal: AbortSignal): Promise<ModelAliasList> =>
  costs.listModelAliases(api, {}, { signal });

/** The charge plans; with `past`, replaced plans too. */
export const loadChargePlans = (past: boolean, signal: AbortSignal): Promise<ChargePlanList> =>
  costs.listChargePlans(api, { all: past }, { signal });

export const enterChargePlan = (body: NewChargePlan): Promise<ChargePlanEntered> =>
  costs.enterChargePlan(api, { body });

export const decidePrice = (id: string, decision: "approve" | "reject"): Promise<unknown> =>
  (decision === "approve" ? costs.approvePrice : costs.rejectPrice)(api, { proposalId: id });

export const loadApiKeys = async (signal: AbortSignal): Promise<ApiKeyItem[]> =>
  (await costs.listApiKeys(api, {}, { signal })).keys;

export const createApiKey = (wanted: WantedApiKey): Promise<NewApiKey> =>
  costs.createApiKey(api, { body: wanted });

export const revokeApiKey = (id: string): Promise<ApiKeyItem> =>
  costs.revokeApiKey(api, { keyId: id });

/** The outcome of a key's last report. */
export const loadApiKeyReport = (id: string, signal: AbortSignal): Promise<ApiKeyReport> =>
  costs.getApiKeyReport(api, { keyId: id }, { signal });

export const loadWebhookEndpoints = async (signal: AbortSignal): Promise<WebhookEndpointItem[]> =>
  (await costs.listWebhookEndpoints(api, {}, { signal })).endpoints;

export const createWebhookEndpoint = (body: WantedWebhookEndpoint): Promise<NewWebhookEndpoint> =>
  costs.createWebhookEndpoint(api, { body });

/** The first calls whose events are held because none names a user. */
export const loadHeldCalls = (signal: AbortSignal): Promise<HeldCallPage> =>
  costs.listHeldCalls(api, { limit: HELD_CALLS_MAX }, { signal });

export const assignHeldCall = (callId: string, userId: string): Promise<unknown> =>
  costs.assignHeldCall(api, { callId, body: { userId } });

/** Which recorded costs to reprice; without `to`, all costs until now. */
export interface RerateSpan {
  from: string;
  to?: string;
  service: string;
}

/** Reprices recorded costs; with `dryRun`, only reports what would change. */
export const rerate = (
  { from, to, service }: RerateSpan,
  dryRun: boolean,
): Promise<RerateReport> => {
  const input = { from, to: to || null, service: service || null, dryRun };
  return costs.reratePrices(api, input, { timeoutSeconds: RERATE_SECONDS_MAX });
};
