// Response bodies of the API, as far as the dashboard reads them. Numbers are `Decimal`.
import type { Decimal } from "./json";

export type CallStatus = "active" | "completed" | "failed" | "terminated";
export type CostByService = Record<string, Decimal>;

export interface CostLine {
  service: string;
  operation: string;
  usage: Decimal;
  unit: string;
  unitCost: Decimal;
  totalCost: Decimal;
}

export interface CallCost {
  callId: string;
  userId: string;
  personaId: string | null;
  status: CallStatus;
  duration_seconds: Decimal;
  apiCosts: Record<string, CostLine[]>;
  infrastructureCosts: Record<string, { costPerCall: Decimal }>;
  transactionCosts: Record<string, { totalFee: Decimal }>;
  totalApiCost: Decimal;
  totalInfrastructureCost: Decimal;
  totalTransactionCost: Decimal;
  totalCost: Decimal;
  costByService: CostByService;
  chargedToUser: Decimal;
  refunded: Decimal;
  netRevenue: Decimal;
  grossProfit: Decimal;
  grossMarginPercent: string;
  estimated: boolean;
  createdAt: string;
  calculatedAt: string;
  startedAt: string | null;
  endedAt: string | null;
  archivedEvents: Decimal;
}

export interface PersonaCost {
  personaId: string;
  calls: Decimal;
  totalCost: Decimal;
}

export interface Totals {
  totalCalls: Decimal;
  totalDuration_seconds: Decimal;
  averageDuration_seconds: Decimal;
  totalCost: Decimal;
  totalApiCost: Decimal;
  totalInfrastructureCost: Decimal;
  totalTransactionCost: Decimal;
  averageCostPerCall: Decimal;
  totalCharged: Decimal;
  totalRefunded: Decimal;
  totalNetRevenue: Decimal;
  totalGrossProfit: Decimal;
  averageMarginPercent: string;
  costByService: CostByService;
}

export interface DayCost {
  date: string;
  calls: Decimal;
  totalCost: Decimal;
  chargedToUser: Decimal;
  grossProfit: Decimal;
  costByService: CostByService;
}

export interface CallSummary {
  callId: string;
  personaId: string | null;
  status: CallStatus;
  duration_seconds: Decimal;
  totalCost: Decimal;
  costByService: CostByService;
  chargedToUser: Decimal;
  grossProfit: Decimal;
  grossMarginPercent: string;
  createdAt: string;
}

export interface CallPage {
  calls: CallSummary[];
  nextCursor: string | null;
}

export interface CallEvent {
  source: string;
  id: string;
  type: string;
  time: string;
  service: string | null;
  operation: string | null;
  model: string | null;
  usage: Decimal | null;
  unit: string | null;
  totalCost: Decimal;
  costByService: CostByService;
  amount: Decimal;
  estimated: boolean;
  voided: boolean;
}

export interface EventPage {
  events: CallEvent[];
  nextCursor: string | null;
}

export interface Spending extends Totals {
  userId: string;
  period: { start: string; end: string; label: string };
  topPersonas: PersonaCost[];
  daily: DayCost[];
}

export interface Alert {
  alertId: string;
  userId: string;
  type: "daily" | "monthly" | "call";
  threshold_percent: Decimal;
  limit_usd: Decimal;
  current_spend: Decimal;
  remaining: Decimal;
  message: string;
  triggeredAt: string;
  callId: string | null;
}

export interface Budget {
  userId: string;
  dailyLimit_usd: Decimal | null;
  monthlyLimit_usd: Decimal | null;
  alertThreshold_percent: Decimal;
  currentDailySpend: Decimal;
  currentMonthlySpend: Decimal;
  dailyRemaining: Decimal | null;
  monthlyRemaining: Decimal | null;
  alertTriggered: boolean;
  maxCostPerCall_usd: Decimal | null;
  thresholds: Decimal[];
  timezone: string;
  autoCutoff: boolean;
  dailyTimeToThreshold_seconds: Decimal | null;
  monthlyTimeToThreshold_seconds: Decimal | null;
  alerts: Alert[];
}

export type ChannelType = "email" | "sms" | "webhook";
export type DeliveryState = "pending" | "delivering" | "delivered" | "failed" | "skipped";

export interface Channel {
  channelId: string;
  type: ChannelType;
  address: string;
  state: "unverified" | "verified" | "disabled";
  reason: string | null;
  deliveredAt: string | null;
  failures: Decimal;
}

export interface NewChannel extends Channel {
  secret: string | null;
}

export interface Delivery {
  deliveryId: string;
  kind: "alert" | "verification" | "test";
  state: DeliveryState;
  reason: string | null;
  nextAttemptAt: string | null;
  attempts: { error: string | null }[];
}

export interface Analytics {
  period: { start: string; end: string; label: string };
  totalUsers: Decimal;
  activeUsers: Decimal;
  newUsers: Decimal;
  totalCalls: Decimal;
  averageDuration_seconds: Decimal;
  averageCallsPerUser: Decimal;
  totalRevenue: Decimal;
  totalRefunded: Decimal;
  totalCost: Decimal;
  totalProfit: Decimal;
  profitMarginPercent: string;
  costBreakdown: { api: Decimal; infrastructure: Decimal; transaction: Decimal };
  costByService: CostByService;
  insights: {
    largestCostComponent: string | null;
    largestCostComponentPercent: string;
    recommendations: string[];
  };
  daily: DayCost[];
}

export interface Reconciliation {
  differences: Decimal;
  archivedEvents: Decimal;
  days: { date: string; differences: Decimal }[];
  bills: {
    services: {
      service: string;
      days: Decimal;
      billed: Decimal;
      recorded: Decimal;
      variance: Decimal;
      variancePercent: string;
    }[];
  };
  gaps: {
    id: Decimal;
    topic: string;
    partition: Decimal;
    fromOffset: Decimal;
    toOffset: Decimal | null;
    records: Decimal | null;
    counted: Decimal;
    noticedAt: string;
  }[];
}

export interface Interval {
  low: Decimal;
  high: Decimal;
}

export type ForecastPeriod = "daily" | "weekly" | "monthly";

/** A limit and the local day on which it is expected to be reached; null if not expected. */
export interface LimitForecast {
  limit_usd: Decimal;
  isReached: boolean;
  reachedOn: string | null;
}

export interface Forecast {
  userId: string;
  period: ForecastPeriod;
  periodStart: string;
  periodEnd: string;
  basedOnDays: Decimal;
  todaySoFar: { calls: Decimal; cost: Decimal; revenue: Decimal };
  forecastedCalls: Decimal;
  forecastedCost: Decimal;
  forecastedRevenue: Decimal;
  forecastedProfit: Decimal;
  interval_percent: Decimal;
  costInterval: Interval;
  confidence: Decimal;
  budgetBasis: "charged" | "cost";
  timezone: string;
  monthEnd: Interval & { month: string; spendSoFar: Decimal; expectedSpend: Decimal };
  limits: { daily: LimitForecast | null; monthly: LimitForecast | null };
  warnings: string[];
}

export interface Recommendation {
  kind: "model_choice" | "phrase_caching" | "prepaid_bundle" | "shorter_replies";
  recommendation: string;
  saving: Decimal;
  currentCost: Decimal;
  newCost: Decimal;
  computation: string;
  evidence: {
    events: Decimal;
    calls: Decimal;
    service: string;
    operation: string;
    model: string;
    usage: { unit: string; usage: Decimal }[];
    exampleEvents: { source: string; id: string; callId: string }[];
  };
  alternatives: { model: string; cost: Decimal; saving: Decimal }[];
}

export interface Recommendations {
  basedOnCalls: Decimal;
  basedOnEvents: Decimal;
  recommendations: Recommendation[];
  notes: string[];
}

export interface Anomaly {
  anomalyId: string;
  userId: string;
  kind: "call_spike" | "day_spike" | "missing_leg";
  service: string | null;
  leg: "telephony" | "speech_recognition" | "inference" | "speech_synthesis" | null;
  callId: string | null;
  day: string;
  observed_usd: Decimal;
  expected_usd: Decimal | null;
  message: string;
  occurredAt: string;
  detectedAt: string;
  resolvedAt: string | null;
}

export interface AnomalyPage {
  anomalies: Anomaly[];
  nextCursor: string | null;
}

/** What a price applies to; model `*` means any, an empty model means none named. */
export interface Priced {
  service: string;
  operation: string;
  model: string;
  unit: string;
  price_usd: Decimal;
  perUnits: Decimal;
}

export interface Price extends Priced {
  id: Decimal;
  effectiveFrom: string;
  state: "in force" | "future" | "past";
  stale: boolean;
  verifiedAt: string;
  source: string;
  setBy: string;
}

export interface Proposal extends Priced {
  id: Decimal;
  effectiveFrom: string;
  inForcePrice_usd: Decimal;
  inForcePerUnits: Decimal;
  change_percent: Decimal | null;
  source: string;
  setBy: string;
  proposedAt: string;
}

export interface PriceList {
  prices: Price[];
  pending: Proposal[];
}

export interface RerateSum {
  costs: Decimal;
  costBefore: Decimal;
  costAfter: Decimal;
  difference: Decimal;
}

export interface RerateReport {
  dryRun: boolean;
  from: string;
  to: string;
  applied: Decimal;
  complete: boolean;
  total: RerateSum;
  totalCostBefore: Decimal;
  totalCostAfter: Decimal;
  marginPercentBefore: string;
  marginPercentAfter: string;
  byService: (RerateSum & { name: string })[];
  byDay: (RerateSum & { name: string })[];
  users: Decimal;
  topUsers: (RerateSum & {
    userId: string;
    marginPercentBefore: string;
    marginPercentAfter: string;
  })[];
  alerts: Decimal;
  firstAlerts: {
    userId: string;
    type: "daily" | "monthly" | "call";
    period: string;
    threshold_percent: Decimal;
    limit_usd: Decimal;
    spendAfter: Decimal;
    late: boolean;
  }[];
}
