// Generated from the OpenAPI document by `tools/web types`. Do not edit.
// One function for each operation; `CostClient` sends the requests.
import type { CostClient, Optional, RequestOptions } from "./client.js";
import type { Decimal } from "./json.js";
import type {
  Accepted,
  AcceptedWebhook,
  AlertList,
  AlertReading,
  Analytics,
  AnomalyDetail,
  AnomalyList,
  ApiKeyItem,
  ApiKeyList,
  ApiKeyReport,
  Assignment,
  Authorization,
  AuthorizationRequest,
  Budget,
  BudgetChange,
  CallCharged,
  CallCommand,
  CallCommands,
  CallCost,
  CallEnded,
  CallPage,
  CallProvider,
  CallRefunded,
  CallStarted,
  CallUpdated,
  Channel,
  ChannelChange,
  Channels,
  ChargePlanEntered,
  ChargePlanEntry,
  ChargePlanList,
  Charged,
  CommandModes,
  CommandPage,
  CostRecorded,
  CostVoided,
  Credit,
  CreditChange,
  CreditGranted,
  CreditVoided,
  Deliveries,
  DismissalRequest,
  EndRequest,
  Ended,
  ErasureReceipt,
  ErasureRequest,
  EventPage,
  Finalize,
  Forecast,
  GlobalBudgetList,
  GrantRequest,
  GrantVoidRequest,
  GrantVoided,
  Granted,
  HeldCallPage,
  ListedAlert,
  ListedAnomaly,
  LiveTicket,
  ModelAliasEntered,
  ModelAliasEntry,
  ModelAliasList,
  NewApiKey,
  NewChannel,
  NewWebhookEndpoint,
  PriceEntered,
  PriceEntry,
  PriceList,
  PriceProposal,
  Proof,
  RecentCosts,
  Recommendations,
  ReconciliationBody,
  Recorded,
  Refunded,
  Requested,
  RerateReport,
  Reservation,
  ReservationRequest,
  ScopedBudget,
  ScopedBudgetList,
  Spending,
  Started,
  Status,
  TopCosts,
  TraceExport,
  Track,
  Updated,
  UserList,
  Voided,
  WantedApiKey,
  WantedBudget,
  WantedChannel,
  WantedGlobalBudget,
  WantedMode,
  WantedWebhookEndpoint,
  WantedWebhookSecret,
  WebhookEndpointItem,
  WebhookEndpointList,
} from "./schema.js";

/** Check whether the process is alive: `GET /health`. */
export const getHealth = (
  client: CostClient,
  input?: Record<string, never>,
  options?: RequestOptions,
): Promise<Status> => client.data<Status>("GET", "/health", input, options);

/** Check whether the process can serve: `GET /ready`. */
export const getReadiness = (
  client: CostClient,
  input?: Record<string, never>,
  options?: RequestOptions,
): Promise<Status> => client.data<Status>("GET", "/ready", input, options);

/** Get metrics for Prometheus: `GET /metrics`. */
export const getMetrics = (
  client: CostClient,
  input?: Record<string, never>,
  options?: RequestOptions,
): Promise<Response> => client.response("GET", "/metrics", input, options);

/** Get a call's cost: `GET /api/costs/call/{callId}`. */
export const getCallCost = (
  client: CostClient,
  input: { callId: string; },
  options?: RequestOptions,
): Promise<CallCost> => client.data<CallCost>("GET", "/api/costs/call/{callId}", input, options);

/** Get the vendor of a call and its control address: `GET /api/costs/call/{callId}/provider`. */
export const getCallProvider = (
  client: CostClient,
  input: { callId: string; },
  options?: RequestOptions,
): Promise<CallProvider> => client.data<CallProvider>("GET", "/api/costs/call/{callId}/provider", input, options);

/** End a call: `POST /api/costs/call/{callId}/end`. */
export const endCall = (
  client: CostClient,
  input: { callId: string; body: EndRequest; },
  options?: RequestOptions,
): Promise<CallCommand> => client.data<CallCommand>("POST", "/api/costs/call/{callId}/end", input, options);

/** List the commands about a call: `GET /api/costs/call/{callId}/commands`. */
export const listCallCommands = (
  client: CostClient,
  input: { callId: string; },
  options?: RequestOptions,
): Promise<CallCommands> => client.data<CallCommands>("GET", "/api/costs/call/{callId}/commands", input, options);

/** List a user's calls: `GET /api/costs/user/{userId}/calls`. */
export const listCalls = (
  client: CostClient,
  input: { userId: string; limit?: Optional<number | Decimal>; cursor?: Optional<string>; startDate?: Optional<string>; endDate?: Optional<string>; personaId?: Optional<readonly string[]>; tag?: Optional<readonly string[]>; service?: Optional<readonly string[]>; model?: Optional<readonly string[]>; status?: Optional<"active" | "completed" | "failed" | "terminated" | "abandoned">; q?: Optional<string>; sort?: Optional<"-createdAt" | "createdAt" | "-duration_seconds" | "duration_seconds" | "-totalCost" | "totalCost" | "-chargedToUser" | "chargedToUser" | "-grossProfit" | "grossProfit">; },
  options?: RequestOptions,
): Promise<CallPage> => client.data<CallPage>("GET", "/api/costs/user/{userId}/calls", input, options);

/** List a call's cost events, in order of time: `GET /api/costs/call/{callId}/events`. */
export const listCallEvents = (
  client: CostClient,
  input: { callId: string; limit?: Optional<number | Decimal>; cursor?: Optional<string>; },
  options?: RequestOptions,
): Promise<EventPage> => client.data<EventPage>("GET", "/api/costs/call/{callId}/events", input, options);

/** Get a user's spending: `GET /api/costs/user/{userId}/spending`. */
export const getSpending = (
  client: CostClient,
  input: { userId: string; period?: Optional<"7d" | "30d" | "90d" | "custom">; startDate?: Optional<string>; endDate?: Optional<string>; compare?: Optional<boolean>; personaId?: Optional<readonly string[]>; tag?: Optional<readonly string[]>; service?: Optional<readonly string[]>; model?: Optional<readonly string[]>; groupBy?: Optional<string>; groupLimit?: Optional<number | Decimal>; },
  options?: RequestOptions,
): Promise<Spending> => client.data<Spending>("GET", "/api/costs/user/{userId}/spending", input, options);

/** Authorize a call: `POST /api/costs/user/{userId}/authorize`. */
export const authorizeCall = (
  client: CostClient,
  input: { userId: string; body: AuthorizationRequest; },
  options?: RequestOptions,
): Promise<Authorization> => client.data<Authorization>("POST", "/api/costs/user/{userId}/authorize", input, options);

/** Reserve costs of a call: `POST /api/costs/call/{callId}/reserve`. */
export const reserveCosts = (
  client: CostClient,
  input: { callId: string; body: ReservationRequest; },
  options?: RequestOptions,
): Promise<Reservation> => client.data<Reservation>("POST", "/api/costs/call/{callId}/reserve", input, options);

/** List a user's scoped budgets: `GET /api/costs/user/{userId}/budgets`. */
export const listBudgets = (
  client: CostClient,
  input: { userId: string; },
  options?: RequestOptions,
): Promise<ScopedBudgetList> => client.data<ScopedBudgetList>("GET", "/api/costs/user/{userId}/budgets", input, options);

/** Create a budget of a user, a persona or a tag: `POST /api/costs/user/{userId}/budgets`. */
export const createBudget = (
  client: CostClient,
  input: { userId: string; body: WantedBudget; },
  options?: RequestOptions,
): Promise<ScopedBudget> => client.data<ScopedBudget>("POST", "/api/costs/user/{userId}/budgets", input, options);

/** Replace the settings of a budget, or raise its limit for a time: `PUT /api/costs/user/{userId}/budgets/{budgetId}`. */
export const replaceBudget = (
  client: CostClient,
  input: { userId: string; budgetId: string; body: WantedBudget; },
  options?: RequestOptions,
): Promise<ScopedBudget> => client.data<ScopedBudget>("PUT", "/api/costs/user/{userId}/budgets/{budgetId}", input, options);

/** Delete a budget; its alerts stay: `DELETE /api/costs/user/{userId}/budgets/{budgetId}`. */
export const deleteBudget = (
  client: CostClient,
  input: { userId: string; budgetId: string; },
  options?: RequestOptions,
): Promise<ScopedBudgetList> => client.data<ScopedBudgetList>("DELETE", "/api/costs/user/{userId}/budgets/{budgetId}", input, options);

/** List the budgets of all users, of services and of tags, and their newest alerts: `GET /api/admin/budgets`. */
export const listGlobalBudgets = (
  client: CostClient,
  input?: Record<string, never>,
  options?: RequestOptions,
): Promise<GlobalBudgetList> => client.data<GlobalBudgetList>("GET", "/api/admin/budgets", input, options);

/** Create a budget of all users, of a service or of a tag: `POST /api/admin/budgets`. */
export const createGlobalBudget = (
  client: CostClient,
  input: { body: WantedGlobalBudget; },
  options?: RequestOptions,
): Promise<ScopedBudget> => client.data<ScopedBudget>("POST", "/api/admin/budgets", input, options);

/** Replace the settings of a global budget, or raise its limit for a time: `PUT /api/admin/budgets/{budgetId}`. */
export const replaceGlobalBudget = (
  client: CostClient,
  input: { budgetId: string; body: WantedGlobalBudget; },
  options?: RequestOptions,
): Promise<ScopedBudget> => client.data<ScopedBudget>("PUT", "/api/admin/budgets/{budgetId}", input, options);

/** Delete a global budget; its alerts stay: `DELETE /api/admin/budgets/{budgetId}`. */
export const deleteGlobalBudget = (
  client: CostClient,
  input: { budgetId: string; },
  options?: RequestOptions,
): Promise<GlobalBudgetList> => client.data<GlobalBudgetList>("DELETE", "/api/admin/budgets/{budgetId}", input, options);

/** List a user's budget alerts, latest first: `GET /api/costs/user/{userId}/alerts`. */
export const listAlerts = (
  client: CostClient,
  input: { userId: string; limit?: Optional<number | Decimal>; cursor?: Optional<string>; type?: Optional<"daily" | "weekly" | "monthly" | "call">; read?: Optional<"true" | "false">; },
  options?: RequestOptions,
): Promise<AlertList> => client.data<AlertList>("GET", "/api/costs/user/{userId}/alerts", input, options);

/** Mark a budget alert as read or unread: `PUT /api/costs/user/{userId}/alerts/{alertId}/read`. */
export const markAlert = (
  client: CostClient,
  input: { userId: string; alertId: string; body: AlertReading; },
  options?: RequestOptions,
): Promise<ListedAlert> => client.data<ListedAlert>("PUT", "/api/costs/user/{userId}/alerts/{alertId}/read", input, options);

/** List a user's anomalies: `GET /api/costs/user/{userId}/anomalies`. */
export const listAnomalies = (
  client: CostClient,
  input: { userId: string; limit?: Optional<number | Decimal>; cursor?: Optional<string>; kind?: Optional<"call_spike" | "day_spike" | "missing_leg" | "silent_call" | "abandoned_call">; service?: Optional<string>; startDate?: Optional<string>; endDate?: Optional<string>; dismissed?: Optional<"false" | "true" | "any">; },
  options?: RequestOptions,
): Promise<AnomalyList> => client.data<AnomalyList>("GET", "/api/costs/user/{userId}/anomalies", input, options);

/** Get an anomaly with the costs that explain it: `GET /api/costs/user/{userId}/anomalies/{anomalyId}`. */
export const getAnomaly = (
  client: CostClient,
  input: { userId: string; anomalyId: string; },
  options?: RequestOptions,
): Promise<AnomalyDetail> => client.data<AnomalyDetail>("GET", "/api/costs/user/{userId}/anomalies/{anomalyId}", input, options);

/** Dismiss an anomaly with a reason: `PUT /api/costs/user/{userId}/anomalies/{anomalyId}/dismissal`. */
export const dismissAnomaly = (
  client: CostClient,
  input: { userId: string; anomalyId: string; body: DismissalRequest; },
  options?: RequestOptions,
): Promise<ListedAnomaly> => client.data<ListedAnomaly>("PUT", "/api/costs/user/{userId}/anomalies/{anomalyId}/dismissal", input, options);

/** Undo the dismissal of an anomaly: `DELETE /api/costs/user/{userId}/anomalies/{anomalyId}/dismissal`. */
export const undoAnomalyDismissal = (
  client: CostClient,
  input: { userId: string; anomalyId: string; },
  options?: RequestOptions,
): Promise<ListedAnomaly> => client.data<ListedAnomaly>("DELETE", "/api/costs/user/{userId}/anomalies/{anomalyId}/dismissal", input, options);

/** List all users' anomalies: `GET /api/admin/costs/anomalies`. */
export const listAllAnomalies = (
  client: CostClient,
  input?: { limit?: Optional<number | Decimal>; cursor?: Optional<string>; kind?: Optional<"call_spike" | "day_spike" | "missing_leg" | "silent_call" | "abandoned_call">; service?: Optional<string>; startDate?: Optional<string>; endDate?: Optional<string>; dismissed?: Optional<"false" | "true" | "any">; },
  options?: RequestOptions,
): Promise<AnomalyList> => client.data<AnomalyList>("GET", "/api/admin/costs/anomalies", input, options);

/** Get a user's forecast: `GET /api/costs/user/{userId}/forecast`. */
export const getForecast = (
  client: CostClient,
  input: { userId: string; period?: Optional<"daily" | "weekly" | "monthly">; },
  options?: RequestOptions,
): Promise<Forecast> => client.data<Forecast>("GET", "/api/costs/user/{userId}/forecast", input, options);

/** Get recommendations that reduce cost: `GET /api/costs/user/{userId}/recommendations`. */
export const getRecommendations = (
  client: CostClient,
  input: { userId: string; },
  options?: RequestOptions,
): Promise<Recommendations> => client.data<Recommendations>("GET", "/api/costs/user/{userId}/recommendations", input, options);

/** Get a user's budget: `GET /api/costs/user/{userId}/budget`. */
export const getBudget = (
  client: CostClient,
  input: { userId: string; },
  options?: RequestOptions,
): Promise<Budget> => client.data<Budget>("GET", "/api/costs/user/{userId}/budget", input, options);

/** Change a user's budget: limits, thresholds, time zone, channels: `PUT /api/costs/user/{userId}/budget`. */
export const changeBudget = (
  client: CostClient,
  input: { userId: string; body: BudgetChange; },
  options?: RequestOptions,
): Promise<Budget> => client.data<Budget>("PUT", "/api/costs/user/{userId}/budget", input, options);

/** Export a user's data as CSV: `GET /api/costs/user/{userId}/export.csv`. */
export const exportCosts = (
  client: CostClient,
  input: { userId: string; type: "events" | "calls" | "daily"; period?: Optional<"7d" | "30d" | "90d" | "custom">; startDate?: Optional<string>; endDate?: Optional<string>; personaId?: Optional<readonly string[]>; tag?: Optional<readonly string[]>; service?: Optional<readonly string[]>; model?: Optional<readonly string[]>; status?: Optional<"active" | "completed" | "failed" | "terminated" | "abandoned">; q?: Optional<string>; },
  options?: RequestOptions,
): Promise<Response> => client.response("GET", "/api/costs/user/{userId}/export.csv", input, options);

/** Get the cost and revenue of all users: `GET /api/admin/costs/analytics`. */
export const getAnalytics = (
  client: CostClient,
  input?: { period?: Optional<"7d" | "30d" | "90d" | "custom">; startDate?: Optional<string>; endDate?: Optional<string>; personaId?: Optional<readonly string[]>; tag?: Optional<readonly string[]>; service?: Optional<readonly string[]>; model?: Optional<readonly string[]>; groupBy?: Optional<string>; groupLimit?: Optional<number | Decimal>; },
  options?: RequestOptions,
): Promise<Analytics> => client.data<Analytics>("GET", "/api/admin/costs/analytics", input, options);

/** Rank users, personas, services or days: `GET /api/admin/costs/top`. */
export const getTopCosts = (
  client: CostClient,
  input?: { by?: Optional<"user" | "persona" | "service" | "day">; sort?: Optional<"cost" | "charged" | "profit" | "calls" | "name">; order?: Optional<"desc" | "asc">; limit?: Optional<number | Decimal>; period?: Optional<"7d" | "30d" | "90d" | "custom">; startDate?: Optional<string>; endDate?: Optional<string>; },
  options?: RequestOptions,
): Promise<TopCosts> => client.data<TopCosts>("GET", "/api/admin/costs/top", input, options);

/** Find users by a part of their id: `GET /api/admin/users`. */
export const findUsers = (
  client: CostClient,
  input?: { q?: Optional<string>; limit?: Optional<number | Decimal>; },
  options?: RequestOptions,
): Promise<UserList> => client.data<UserList>("GET", "/api/admin/users", input, options);

/** Get the reconciliation of totals and bills, and open gaps: `GET /api/admin/reconciliation`. */
export const reconcile = (
  client: CostClient,
  input?: { period?: Optional<"7d" | "30d" | "90d" | "custom">; startDate?: Optional<string>; endDate?: Optional<string>; },
  options?: RequestOptions,
): Promise<ReconciliationBody> => client.data<ReconciliationBody>("GET", "/api/admin/reconciliation", input, options);

/** Record a cost: `POST /api/costs/track`. Takes the header `Idempotency-Key`. */
export const trackCost = (
  client: CostClient,
  input: { body: Track; },
  options?: RequestOptions,
): Promise<Accepted> => client.data<Accepted>("POST", "/api/costs/track", input, options);

/** Finalize a call, with the charge of its user: `POST /api/costs/call/{callId}/finalize`. Takes the header `Idempotency-Key`. */
export const finalizeCall = (
  client: CostClient,
  input: { callId: string; body: Finalize; },
  options?: RequestOptions,
): Promise<Accepted> => client.data<Accepted>("POST", "/api/costs/call/{callId}/finalize", input, options);

/** Send CloudEvents: one, or a batch of up to 500, all or none: `POST /api/costs/events`. */
export const sendEvents = (
  client: CostClient,
  input: { body: Started | Updated | Recorded | Voided | Charged | Refunded | Ended | Granted | GrantVoided | (Started | Updated | Recorded | Voided | Charged | Refunded | Ended | Granted | GrantVoided)[] | CallStarted | CallUpdated | CostRecorded | CostVoided | CallCharged | CallRefunded | CallEnded | CreditGranted | CreditVoided; },
  options?: RequestOptions,
): Promise<Accepted> => client.data<Accepted>("POST", "/api/costs/events", input, options);

/** Export OpenTelemetry traces (OTLP/HTTP): `POST /v1/traces`. */
export const exportTraces = (
  client: CostClient,
  input: { body: TraceExport; },
  options?: RequestOptions,
): Promise<Response> => client.response("POST", "/v1/traces", input, options);

/** Receive a vendor's webhook: `POST /api/webhooks/{provider}/{endpointId}`. */
export const receiveWebhook = (
  client: CostClient,
  input: { provider: string; endpointId: string; userId?: Optional<string>; callId?: Optional<string>; bodySHA256?: Optional<string>; body: Record<string, unknown> | (Record<string, unknown>)[]; },
  options?: RequestOptions,
): Promise<AcceptedWebhook> => client.data<AcceptedWebhook>("POST", "/api/webhooks/{provider}/{endpointId}", input, options);

/** List the calls whose events wait for a user: `GET /api/admin/held-calls`. */
export const listHeldCalls = (
  client: CostClient,
  input?: { cursor?: Optional<string>; limit?: Optional<number | Decimal>; },
  options?: RequestOptions,
): Promise<HeldCallPage> => client.data<HeldCallPage>("GET", "/api/admin/held-calls", input, options);

/** Assign a call to a user: `POST /api/admin/held-calls/{callId}/assign`. */
export const assignHeldCall = (
  client: CostClient,
  input: { callId: string; body: Assignment; },
  options?: RequestOptions,
): Promise<Accepted> => client.data<Accepted>("POST", "/api/admin/held-calls/{callId}/assign", input, options);

/** Get a user's prepaid balance and grants: `GET /api/costs/user/{userId}/credits`. */
export const getCredit = (
  client: CostClient,
  input: { userId: string; },
  options?: RequestOptions,
): Promise<Credit> => client.data<Credit>("GET", "/api/costs/user/{userId}/credits", input, options);

/** Change when a user is warned of a low balance: `PUT /api/costs/user/{userId}/credits`. */
export const changeCredit = (
  client: CostClient,
  input: { userId: string; body: CreditChange; },
  options?: RequestOptions,
): Promise<Credit> => client.data<Credit>("PUT", "/api/costs/user/{userId}/credits", input, options);

/** Grant prepaid credit to a user: `POST /api/admin/credits`. Takes the header `Idempotency-Key`. */
export const grantCredit = (
  client: CostClient,
  input: { body: GrantRequest; },
  options?: RequestOptions,
): Promise<Accepted> => client.data<Accepted>("POST", "/api/admin/credits", input, options);

/** Void a grant of prepaid credit: `POST /api/admin/credits/void`. Takes the header `Idempotency-Key`. */
export const voidGrant = (
  client: CostClient,
  input: { body: GrantVoidRequest; },
  options?: RequestOptions,
): Promise<Accepted> => client.data<Accepted>("POST", "/api/admin/credits/void", input, options);

/** Create a ticket that opens one WebSocket within 30 seconds: `POST /api/costs/live/ticket`. */
export const getTicket = (
  client: CostClient,
  input?: Record<string, never>,
  options?: RequestOptions,
): Promise<LiveTicket> => client.data<LiveTicket>("POST", "/api/costs/live/ticket", input, options);

/** Get a user's costs of the last ten minutes: `GET /api/costs/user/{userId}/recent`. */
export const getRecentCosts = (
  client: CostClient,
  input: { userId: string; },
  options?: RequestOptions,
): Promise<RecentCosts> => client.data<RecentCosts>("GET", "/api/costs/user/{userId}/recent", input, options);

/** Get all users' costs of the last ten minutes: `GET /api/admin/costs/recent`. */
export const getAllRecentCosts = (
  client: CostClient,
  input?: Record<string, never>,
  options?: RequestOptions,
): Promise<RecentCosts> => client.data<RecentCosts>("GET", "/api/admin/costs/recent", input, options);

/** Export everything about a user: `GET /api/admin/users/{userId}/export`. */
export const exportUser = (
  client: CostClient,
  input: { userId: string; },
  options?: RequestOptions,
): Promise<Response> => client.response("GET", "/api/admin/users/{userId}/export", input, options);

/** Show what erasing a user changes; with `dryRun=false`, erase the user: `POST /api/admin/users/{userId}/erasure`. */
export const eraseUser = (
  client: CostClient,
  input: { userId: string; dryRun?: Optional<boolean>; allowUnknown?: Optional<boolean>; body: ErasureRequest; },
  options?: RequestOptions,
): Promise<ErasureReceipt> => client.data<ErasureReceipt>("POST", "/api/admin/users/{userId}/erasure", input, options);

/** List a user's notification channels: `GET /api/costs/user/{userId}/channels`. */
export const listChannels = (
  client: CostClient,
  input: { userId: string; },
  options?: RequestOptions,
): Promise<Channels> => client.data<Channels>("GET", "/api/costs/user/{userId}/channels", input, options);

/** Create a notification channel: `POST /api/costs/user/{userId}/channels`. */
export const createChannel = (
  client: CostClient,
  input: { userId: string; body: WantedChannel; },
  options?: RequestOptions,
): Promise<NewChannel> => client.data<NewChannel>("POST", "/api/costs/user/{userId}/channels", input, options);

/** Change what a notification channel gets: `PUT /api/costs/user/{userId}/channels/{channelId}`. */
export const changeChannel = (
  client: CostClient,
  input: { userId: string; channelId: string; body: ChannelChange; },
  options?: RequestOptions,
): Promise<Channel> => client.data<Channel>("PUT", "/api/costs/user/{userId}/channels/{channelId}", input, options);

/** Delete a notification channel: `DELETE /api/costs/user/{userId}/channels/{channelId}`. */
export const removeChannel = (
  client: CostClient,
  input: { userId: string; channelId: string; },
  options?: RequestOptions,
): Promise<Channels> => client.data<Channels>("DELETE", "/api/costs/user/{userId}/channels/{channelId}", input, options);

/** Verify a notification channel by its code: `POST /api/costs/user/{userId}/channels/{channelId}/verify`. */
export const verifyChannel = (
  client: CostClient,
  input: { userId: string; channelId: string; body: Proof; },
  options?: RequestOptions,
): Promise<Channel> => client.data<Channel>("POST", "/api/costs/user/{userId}/channels/{channelId}/verify", input, options);

/** Send a test message to a channel: `POST /api/costs/user/{userId}/channels/{channelId}/test`. */
export const testChannel = (
  client: CostClient,
  input: { userId: string; channelId: string; },
  options?: RequestOptions,
): Promise<Requested> => client.data<Requested>("POST", "/api/costs/user/{userId}/channels/{channelId}/test", input, options);

/** List a channel's deliveries, newest first: `GET /api/costs/user/{userId}/channels/{channelId}/deliveries`. */
export const listDeliveries = (
  client: CostClient,
  input: { userId: string; channelId: string; cursor?: Optional<string>; },
  options?: RequestOptions,
): Promise<Deliveries> => client.data<Deliveries>("GET", "/api/costs/user/{userId}/channels/{channelId}/deliveries", input, options);

/** List a user's notification channels: administrators' channels: `GET /api/admin/channels`. */
export const listAdministratorsChannels = (
  client: CostClient,
  input?: Record<string, never>,
  options?: RequestOptions,
): Promise<Channels> => client.data<Channels>("GET", "/api/admin/channels", input, options);

/** Create a notification channel: administrators' channels: `POST /api/admin/channels`. */
export const createAdministratorsChannel = (
  client: CostClient,
  input: { body: WantedChannel; },
  options?: RequestOptions,
): Promise<NewChannel> => client.data<NewChannel>("POST", "/api/admin/channels", input, options);

/** Change what a notification channel gets: administrators' channels: `PUT /api/admin/channels/{channelId}`. */
export const changeAdministratorsChannel = (
  client: CostClient,
  input: { channelId: string; body: ChannelChange; },
  options?: RequestOptions,
): Promise<Channel> => client.data<Channel>("PUT", "/api/admin/channels/{channelId}", input, options);

/** Delete a notification channel: administrators' channels: `DELETE /api/admin/channels/{channelId}`. */
export const removeAdministratorsChannel = (
  client: CostClient,
  input: { channelId: string; },
  options?: RequestOptions,
): Promise<Channels> => client.data<Channels>("DELETE", "/api/admin/channels/{channelId}", input, options);

/** Verify a notification channel by its code: administrators' channels: `POST /api/admin/channels/{channelId}/verify`. */
export const verifyAdministratorsChannel = (
  client: CostClient,
  input: { channelId: string; body: Proof; },
  options?: RequestOptions,
): Promise<Channel> => client.data<Channel>("POST", "/api/admin/channels/{channelId}/verify", input, options);

/** Send a test message to a channel: administrators' channels: `POST /api/admin/channels/{channelId}/test`. */
export const testAdministratorsChannel = (
  client: CostClient,
  input: { channelId: string; },
  options?: RequestOptions,
): Promise<Requested> => client.data<Requested>("POST", "/api/admin/channels/{channelId}/test", input, options);

/** List a channel's deliveries, newest first: administrators' channels: `GET /api/admin/channels/{channelId}/deliveries`. */
export const listAdministratorsDeliveries = (
  client: CostClient,
  input: { channelId: string; cursor?: Optional<string>; },
  options?: RequestOptions,
): Promise<Deliveries> => client.data<Deliveries>("GET", "/api/admin/channels/{channelId}/deliveries", input, options);

/** List the price catalogue and pending proposals: `GET /api/admin/prices`. */
export const listPrices = (
  client: CostClient,
  input?: { service?: Optional<string>; all?: Optional<boolean>; },
  options?: RequestOptions,
): Promise<PriceList> => client.data<PriceList>("GET", "/api/admin/prices", input, options);

/** Submit a price: `POST /api/admin/prices`. */
export const enterPrice = (
  client: CostClient,
  input: { body: PriceEntry; },
  options?: RequestOptions,
): Promise<PriceEntered> => client.data<PriceEntered>("POST", "/api/admin/prices", input, options);

/** Approve a price proposal: `POST /api/admin/prices/{proposalId}/approve`. */
export const approvePrice = (
  client: CostClient,
  input: { proposalId: number | Decimal; },
  options?: RequestOptions,
): Promise<PriceProposal> => client.data<PriceProposal>("POST", "/api/admin/prices/{proposalId}/approve", input, options);

/** Reject a price proposal: `POST /api/admin/prices/{proposalId}/reject`. */
export const rejectPrice = (
  client: CostClient,
  input: { proposalId: number | Decimal; },
  options?: RequestOptions,
): Promise<PriceProposal> => client.data<PriceProposal>("POST", "/api/admin/prices/{proposalId}/reject", input, options);

/** Preview what late prices change; with `dryRun=false`, apply it: `POST /api/admin/prices/rerate`. */
export const reratePrices = (
  client: CostClient,
  input: { from: string; to?: Optional<string>; service?: Optional<string>; dryRun?: Optional<boolean>; charges?: Optional<boolean>; },
  options?: RequestOptions,
): Promise<RerateReport> => client.data<RerateReport>("POST", "/api/admin/prices/rerate", input, options);

/** List the aliases of models: `GET /api/admin/prices/aliases`. */
export const listModelAliases = (
  client: CostClient,
  input?: { service?: Optional<string>; },
  options?: RequestOptions,
): Promise<ModelAliasList> => client.data<ModelAliasList>("GET", "/api/admin/prices/aliases", input, options);

/** Add or end an alias of a model: `POST /api/admin/prices/aliases`. */
export const enterModelAlias = (
  client: CostClient,
  input: { body: ModelAliasEntry; },
  options?: RequestOptions,
): Promise<ModelAliasEntered> => client.data<ModelAliasEntered>("POST", "/api/admin/prices/aliases", input, options);

/** List the charge plans: `GET /api/admin/charge-plans`. */
export const listChargePlans = (
  client: CostClient,
  input?: { all?: Optional<boolean>; },
  options?: RequestOptions,
): Promise<ChargePlanList> => client.data<ChargePlanList>("GET", "/api/admin/charge-plans", input, options);

/** Enter a charge plan: `POST /api/admin/charge-plans`. */
export const enterChargePlan = (
  client: CostClient,
  input: { body: ChargePlanEntry; },
  options?: RequestOptions,
): Promise<ChargePlanEntered> => client.data<ChargePlanEntered>("POST", "/api/admin/charge-plans", input, options);

/** List the keys of services: `GET /api/admin/keys`. */
export const listApiKeys = (
  client: CostClient,
  input?: Record<string, never>,
  options?: RequestOptions,
): Promise<ApiKeyList> => client.data<ApiKeyList>("GET", "/api/admin/keys", input, options);

/** Create a key for a service: `POST /api/admin/keys`. */
export const createApiKey = (
  client: CostClient,
  input: { body: WantedApiKey; },
  options?: RequestOptions,
): Promise<NewApiKey> => client.data<NewApiKey>("POST", "/api/admin/keys", input, options);

/** Get a key and its last report of events: `GET /api/admin/keys/{keyId}`. */
export const getApiKeyReport = (
  client: CostClient,
  input: { keyId: string; },
  options?: RequestOptions,
): Promise<ApiKeyReport> => client.data<ApiKeyReport>("GET", "/api/admin/keys/{keyId}", input, options);

/** Revoke a key: `DELETE /api/admin/keys/{keyId}`. */
export const revokeApiKey = (
  client: CostClient,
  input: { keyId: string; },
  options?: RequestOptions,
): Promise<ApiKeyItem> => client.data<ApiKeyItem>("DELETE", "/api/admin/keys/{keyId}", input, options);

/** List the endpoints of vendors' webhooks: `GET /api/admin/webhooks`. */
export const listWebhookEndpoints = (
  client: CostClient,
  input?: Record<string, never>,
  options?: RequestOptions,
): Promise<WebhookEndpointList> => client.data<WebhookEndpointList>("GET", "/api/admin/webhooks", input, options);

/** Create an endpoint for a vendor's webhooks: `POST /api/admin/webhooks`. */
export const createWebhookEndpoint = (
  client: CostClient,
  input: { body: WantedWebhookEndpoint; },
  options?: RequestOptions,
): Promise<NewWebhookEndpoint> => client.data<NewWebhookEndpoint>("POST", "/api/admin/webhooks", input, options);

/** Delete an endpoint with its secrets: `DELETE /api/admin/webhooks/{endpointId}`. */
export const deleteWebhookEndpoint = (
  client: CostClient,
  input: { endpointId: string; },
  options?: RequestOptions,
): Promise<WebhookEndpointItem> => client.data<WebhookEndpointItem>("DELETE", "/api/admin/webhooks/{endpointId}", input, options);

/** Add a secret; of the older ones only the newest stays valid: `POST /api/admin/webhooks/{endpointId}/secrets`. */
export const addWebhookSecret = (
  client: CostClient,
  input: { endpointId: string; body: WantedWebhookSecret; },
  options?: RequestOptions,
): Promise<NewWebhookEndpoint> => client.data<NewWebhookEndpoint>("POST", "/api/admin/webhooks/{endpointId}/secrets", input, options);

/** Delete a secret: `DELETE /api/admin/webhooks/{endpointId}/secrets/{secretId}`. */
export const deleteWebhookSecret = (
  client: CostClient,
  input: { endpointId: string; secretId: string; },
  options?: RequestOptions,
): Promise<WebhookEndpointItem> => client.data<WebhookEndpointItem>("DELETE", "/api/admin/webhooks/{endpointId}/secrets/{secretId}", input, options);

/** List commands with their attempts, newest first: `GET /api/admin/commands`. */
export const listCommands = (
  client: CostClient,
  input?: { state?: Optional<"pending" | "executing" | "executed" | "dry_run" | "ended" | "unsupported" | "failed" | "expired">; cursor?: Optional<string>; limit?: Optional<number | Decimal>; },
  options?: RequestOptions,
): Promise<CommandPage> => client.data<CommandPage>("GET", "/api/admin/commands", input, options);

/** Get the mode of commands, and its changes: `GET /api/admin/commands/mode`. */
export const getCommandMode = (
  client: CostClient,
  input?: Record<string, never>,
  options?: RequestOptions,
): Promise<CommandModes> => client.data<CommandModes>("GET", "/api/admin/commands/mode", input, options);

/** Stop or resume all commands, or only record them: `PUT /api/admin/commands/mode`. */
export const setCommandMode = (
  client: CostClient,
  input: { body: WantedMode; },
  options?: RequestOptions,
): Promise<CommandModes> => client.data<CommandModes>("PUT", "/api/admin/commands/mode", input, options);

/** Get the description of the Kafka topics and of the live feed's messages: `GET /asyncapi.json`. */
export const getAsyncApi = (
  client: CostClient,
  input?: Record<string, never>,
  options?: RequestOptions,
): Promise<Response> => client.response("GET", "/asyncapi.json", input, options);

/** Get this document: `GET /openapi.json`. */
export const getOpenApi = (
  client: CostClient,
  input?: Record<string, never>,
  options?: RequestOptions,
): Promise<Response> => client.response("GET", "/openapi.json", input, options);
