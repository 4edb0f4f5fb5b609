// The API's bodies by the names that the pages use. Their fields are generated (`schema.ts`).
import type {
  CallCost,
  CallSummary,
  Channel,
  CommandModes,
  Delivery,
  Forecast,
  PriceItem,
  WantedChannel,
} from "cost-analytics-client";

export type {
  Alert,
  Analytics,
  ApiKeyItem,
  ApiKeyReport,
  AlertList as AlertPage,
  AnomalyDetail,
  AnomalyList as AnomalyPage,
  Budget,
  BudgetChange,
  CallCommand,
  BudgetScope,
  ScopedBudget,
  ScopedBudgetList,
  WantedBudget,
  CallCost,
  CallPage,
  CallSummary,
  Channel,
  ChannelChange,
  Channels,
  CommandAttempt,
  CommandModes,
  CommandPage,
  CostGroups,
  Credit,
  Grant,
  DayCost,
  Deliveries,
  Delivery,
  EventPage,
  Forecast,
  GroupSums,
  Interval,
  LimitForecast,
  ListedAlert,
  ListedCommand,
  ListedAnomaly as Anomaly,
  ListedEvent as CallEvent,
  LiveCall,
  LiveTicket,
  ChargePlanEntered,
  ChargePlanEntry as NewChargePlan,
  ChargePlanItem as ChargePlan,
  ChargePlanList,
  ModelAlias,
  ModelAliasList,
  HeldCallPage,
  NewApiKey,
  NewWebhookEndpoint,
  WantedWebhookEndpoint,
  WebhookEndpointItem,
  NewChannel,
  PriceConditions,
  PriceItem as Price,
  PriceList,
  PriceProposal as Proposal,
  Proof,
  RecentCosts,
  RecommendationBody as Recommendation,
  Recommendations,
  ReconciliationBody as Reconciliation,
  Requested,
  RerateReport,
  Spending,
  TopCosts,
  TopEntry,
  UserEntry,
  UserList,
  WantedApiKey,
  WantedChannel,
} from "cost-analytics-client";

export type CommandMode = CommandModes["mode"];
export type CallStatus = CallSummary["status"];
export type ChannelType = WantedChannel["type"];
export type ChannelKind = Channel["kinds"][number];
export type CostByService = CallCost["costByService"];
export type DeliveryState = Delivery["state"];
export type ForecastPeriod = Forecast["period"];

/** What a price applies to; model `*` means any, an empty model means none named. */
export type Priced = Pick<
  PriceItem,
  "service" | "operation" | "model" | "conditions" | "minimum_seconds" | "increment_seconds"
>;
