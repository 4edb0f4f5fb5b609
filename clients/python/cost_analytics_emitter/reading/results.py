"""The results of reads. Generated from the OpenAPI document by `tools/web types`. Do not edit.

Money is US dollars. Texts with a fixed set of values may have more of them with a newer server.
"""

# ruff: noqa: D101

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from typing import Any, Literal


@dataclass(frozen=True, kw_only=True, slots=True)
class AlertList:
    alerts: list[ListedAlert]
    next_cursor: str | None


@dataclass(frozen=True, kw_only=True, slots=True)
class AlternativeBody:
    model: str
    cost: Decimal
    saving: Decimal


@dataclass(frozen=True, kw_only=True, slots=True)
class AnomalyDismissal:
    reason: str
    dismissed_by: str
    dismissed_at: datetime


@dataclass(frozen=True, kw_only=True, slots=True)
class AnomalyList:
    anomalies: list[ListedAnomaly]
    next_cursor: str | None


@dataclass(frozen=True, kw_only=True, slots=True)
class Budget:
    user_id: str
    daily_limit_usd: Decimal | None
    monthly_limit_usd: Decimal | None
    max_cost_per_call_usd: Decimal | None
    alert_threshold_percent: Decimal
    thresholds: list[Decimal]
    timezone: str
    auto_cutoff: bool
    call_steps: CallSteps
    channels: list[Channel]
    budget_basis: Literal["charged", "cost"]
    day_start: datetime
    day_end: datetime
    month_start: datetime
    month_end: datetime
    limit_versions: LimitVersions
    current_daily_spend: Decimal
    current_monthly_spend: Decimal
    daily_remaining: Decimal | None
    monthly_remaining: Decimal | None
    alert_triggered: bool
    burn_rate_per_hour: Decimal
    daily_time_to_threshold_seconds: int | None
    monthly_time_to_threshold_seconds: int | None
    time_to_threshold_seconds: int | None
    alerts: list[ListedAlert]
    balance: Decimal | None
    balance_lasts_until: datetime | None


@dataclass(frozen=True, kw_only=True, slots=True)
class BudgetScope:
    kind: Literal["all", "persona", "service", "tag", "user"]
    key: str | None
    value: str | None


@dataclass(frozen=True, kw_only=True, slots=True)
class CallChargePlan:
    plan_id: int | None
    kind: Literal["cost_plus", "default", "ended", "per_call", "per_minute"]
    description: str
    billed_seconds: Decimal | None
    cost_basis: Decimal | None


@dataclass(frozen=True, kw_only=True, slots=True)
class CallCost:
    call_id: str
    user_id: str
    persona_id: str | None
    tags: dict[str, str]
    status: Literal["abandoned", "active", "completed", "failed", "terminated"]
    duration_seconds: Decimal
    api_costs: dict[str, list[CostLine]]
    infrastructure_costs: dict[str, InfrastructureCost]
    transaction_costs: dict[str, TransactionCost]
    total_api_cost: Decimal
    total_infrastructure_cost: Decimal
    total_transaction_cost: Decimal
    total_cost: Decimal
    cost_by_service: dict[str, Decimal]
    charged_to_user: Decimal
    refunded: Decimal
    net_revenue: Decimal
    gross_profit: Decimal
    gross_margin: Decimal
    gross_margin_percent: str
    estimated: bool
    created_at: datetime
    calculated_at: datetime
    started_at: datetime | None
    ended_at: datetime | None
    archived_events: int
    unlisted_costs: int
    unpriced_events: int
    charge_plan: CallChargePlan | None
    roundings: list[RoundingCost]
    ended_by_limit: EndedByLimit | None


@dataclass(frozen=True, kw_only=True, slots=True)
class CallPage:
    user_id: str
    calls: list[CallSummary]
    next_cursor: str | None


@dataclass(frozen=True, kw_only=True, slots=True)
class CallSteps:
    warn: bool
    warn_at_percent: Decimal
    downgrade: bool
    downgrade_at_percent: Decimal
    closing_sentence: str | None


@dataclass(frozen=True, kw_only=True, slots=True)
class CallSummary:
    call_id: str
    user_id: str
    persona_id: str | None
    tags: dict[str, str]
    status: Literal["abandoned", "active", "completed", "failed", "terminated"]
    duration_seconds: Decimal
    total_cost: Decimal
    cost_by_service: dict[str, Decimal]
    charged_to_user: Decimal
    refunded: Decimal
    gross_profit: Decimal
    gross_margin_percent: str
    estimated: bool
    created_at: datetime
    calculated_at: datetime
    started_at: datetime | None
    ended_at: datetime | None
    unpriced_events: int
    charge_plan: CallChargePlan | None
    ended_by_limit: EndedByLimit | None


@dataclass(frozen=True, kw_only=True, slots=True)
class Channel:
    channel_id: str
    type: Literal["discord", "email", "slack", "sms", "teams", "webhook"]
    address: str
    state: Literal["disabled", "unverified", "verified"]
    reason: str | None
    created_at: datetime
    verified_at: datetime | None
    delivered_at: datetime | None
    failures: int
    kinds: list[
        Literal[
            "alert",
            "anomaly",
            "daily_digest",
            "forecast",
            "low_balance",
            "unpriced",
            "weekly_digest",
        ]
    ]
    quiet_hours: QuietHours | None


@dataclass(frozen=True, kw_only=True, slots=True)
class CostGroup:
    total_cost: Decimal
    cost_percent: str
    total_calls: int | None
    total_duration_seconds: Decimal | None
    total_charged: Decimal | None
    total_refunded: Decimal | None
    total_gross_profit: Decimal | None
    average_margin_percent: str | None
    value: str


@dataclass(frozen=True, kw_only=True, slots=True)
class CostGroups:
    by: str
    groups: list[CostGroup]
    others: OtherGroups
    without: GroupSums


@dataclass(frozen=True, kw_only=True, slots=True)
class CostLine:
    service: str
    operation: str
    usage: Decimal | None
    unit: str | None
    unit_cost: Decimal | None
    total_cost: Decimal
    metadata: Any
    usages: list[QuantityCost]
    unpriced: bool
    leg_id: str | None


@dataclass(frozen=True, kw_only=True, slots=True)
class Crossing:
    source: str
    id: str
    service: str | None


@dataclass(frozen=True, kw_only=True, slots=True)
class Driver:
    service: str
    cost: Decimal
    share_percent: Decimal


@dataclass(frozen=True, kw_only=True, slots=True)
class EndedByLimit:
    limit_usd: Decimal
    budget_id: str | None
    limit_version: int
    executed_at: datetime


@dataclass(frozen=True, kw_only=True, slots=True)
class EventId:
    source: str
    id: str
    call_id: str


@dataclass(frozen=True, kw_only=True, slots=True)
class EventPage:
    call_id: str
    events: list[ListedEvent]
    next_cursor: str | None
    archived_events: int


@dataclass(frozen=True, kw_only=True, slots=True)
class EventReference:
    source: str
    id: str


@dataclass(frozen=True, kw_only=True, slots=True)
class EvidenceBody:
    events: int
    calls: int
    service: str
    operation: str
    model: str
    usage: list[UnitSum]
    example_events: list[EventId]


@dataclass(frozen=True, kw_only=True, slots=True)
class Forecast:
    user_id: str
    period: Literal["daily", "monthly", "weekly"]
    period_start: datetime
    period_end: datetime
    based_on_days: int
    historical_calls: int
    historical_cost: Decimal
    historical_revenue: Decimal
    today_so_far: TodaySoFar
    forecasted_calls: Decimal
    forecasted_cost: Decimal
    forecasted_revenue: Decimal
    forecasted_profit: Decimal
    interval_percent: int
    cost_interval: Interval
    revenue_interval: Interval
    confidence: Decimal
    budget_basis: Literal["charged", "cost"]
    timezone: str
    month_end: MonthEnd
    limits: LimitForecasts
    warnings: list[str]


@dataclass(frozen=True, kw_only=True, slots=True)
class GroupSums:
    total_cost: Decimal
    cost_percent: str
    total_calls: int | None
    total_duration_seconds: Decimal | None
    total_charged: Decimal | None
    total_refunded: Decimal | None
    total_gross_profit: Decimal | None
    average_margin_percent: str | None


@dataclass(frozen=True, kw_only=True, slots=True)
class InfrastructureCost:
    cost_per_call: Decimal


@dataclass(frozen=True, kw_only=True, slots=True)
class Interval:
    low: Decimal
    high: Decimal


@dataclass(frozen=True, kw_only=True, slots=True)
class LimitForecast:
    limit_usd: Decimal
    is_reached: bool
    reached_on: date | None
    reached_in_seconds: int | None


@dataclass(frozen=True, kw_only=True, slots=True)
class LimitForecasts:
    daily: LimitForecast | None
    monthly: LimitForecast | None


@dataclass(frozen=True, kw_only=True, slots=True)
class LimitVersions:
    daily: int
    monthly: int
    call: int


@dataclass(frozen=True, kw_only=True, slots=True)
class ListedAlert:
    alert_id: str
    user_id: str
    type: Literal["call", "daily", "monthly", "weekly"]
    threshold_percent: Decimal
    limit_usd: Decimal
    current_spend: Decimal
    remaining: Decimal
    message: str
    triggered_at: datetime
    period: str
    period_start: datetime
    period_end: datetime | None
    call_id: str | None
    crossed_by: Crossing | None
    limit_version: int
    basis: Literal["charged", "cost"]
    late: bool
    drivers: list[Driver]
    spent_last_hour: Decimal
    event_time: datetime | None
    budget_id: str | None
    scope: BudgetScope | None
    read_at: datetime | None


@dataclass(frozen=True, kw_only=True, slots=True)
class ListedAnomaly:
    anomaly_id: str
    user_id: str
    kind: Literal["abandoned_call", "call_spike", "day_spike", "missing_leg", "silent_call"]
    service: str | None
    leg: Literal["inference", "speech_recognition", "speech_synthesis", "telephony"] | None
    call_id: str | None
    day: date
    observed_usd: Decimal
    expected_usd: Decimal | None
    score: Decimal | None
    compared_with: Literal["own_calls", "own_days", "own_persona_calls", "persona_calls"] | None
    compared_count: int
    message: str
    occurred_at: datetime
    detected_at: datetime
    savings_usd: Decimal | None
    resolved_at: datetime | None
    dismissal: AnomalyDismissal | None


@dataclass(frozen=True, kw_only=True, slots=True)
class ListedEvent:
    source: str
    id: str
    type: Literal[
        "call.charged",
        "call.ended",
        "call.refunded",
        "call.settled",
        "call.started",
        "call.updated",
        "cost.recorded",
        "cost.voided",
    ]
    time: datetime
    recorded_at: datetime
    service: str | None
    operation: str | None
    model: str | None
    usage: Decimal | None
    unit: str | None
    unit_cost: Decimal | None
    total_cost: Decimal
    cost_by_service: dict[str, Decimal]
    amount: Decimal
    estimated: bool
    voided: bool
    voids: EventReference | None
    tags: dict[str, str]
    data: Any
    usages: list[ListedQuantity]
    unpriced: bool
    leg_id: str | None
    list_cost: Decimal | None


@dataclass(frozen=True, kw_only=True, slots=True)
class ListedQuantity:
    unit: str
    quantity: Decimal
    total_cost: Decimal | None
    price_id: int | None


@dataclass(frozen=True, kw_only=True, slots=True)
class LiveAlert:
    type: Literal["alert"]
    alert: ListedAlert


@dataclass(frozen=True, kw_only=True, slots=True)
class LiveBudget:
    type: Literal["budget"]
    budget: Budget


@dataclass(frozen=True, kw_only=True, slots=True)
class LiveCall:
    call_id: str
    user_id: str
    persona_id: str | None
    tags: dict[str, str]
    status: Literal["abandoned", "active", "completed", "failed", "terminated"]
    started_at: datetime | None
    elapsed_seconds: Decimal
    total_cost: Decimal
    cost_by_service: dict[str, Decimal]
    charged_to_user: Decimal
    projected_cost: Decimal
    projection: LiveProjection | None
    version: int
    updated_at: datetime


@dataclass(frozen=True, kw_only=True, slots=True)
class LiveChange:
    type: Literal["call"]
    call: LiveCall


@dataclass(frozen=True, kw_only=True, slots=True)
class LivePong:
    type: Literal["pong"]


@dataclass(frozen=True, kw_only=True, slots=True)
class LiveProjection:
    low: Decimal
    high: Decimal
    duration_seconds: Decimal
    due_once: Decimal
    based_on_calls: int


@dataclass(frozen=True, kw_only=True, slots=True)
class LiveSnapshot:
    type: Literal["snapshot"]
    calls: list[LiveCall]
    budget: Budget


@dataclass(frozen=True, kw_only=True, slots=True)
class MonthEnd:
    month: str
    spend_so_far: Decimal
    expected_spend: Decimal
    low: Decimal
    high: Decimal


@dataclass(frozen=True, kw_only=True, slots=True)
class OtherGroups:
    total_cost: Decimal
    cost_percent: str
    total_calls: int | None
    total_duration_seconds: Decimal | None
    total_charged: Decimal | None
    total_refunded: Decimal | None
    total_gross_profit: Decimal | None
    average_margin_percent: str | None
    number: int


@dataclass(frozen=True, kw_only=True, slots=True)
class Period:
    start: datetime
    end: datetime
    label: str


@dataclass(frozen=True, kw_only=True, slots=True)
class PersonaCost:
    persona_id: str
    calls: int
    total_cost: Decimal


@dataclass(frozen=True, kw_only=True, slots=True)
class PreviousSpending:
    start: datetime
    end: datetime
    total_calls: int
    total_cost: Decimal
    total_charged: Decimal
    total_refunded: Decimal
    total_gross_profit: Decimal
    average_margin_percent: str


@dataclass(frozen=True, kw_only=True, slots=True)
class QuantityCost:
    unit: str
    quantity: Decimal
    unit_cost: Decimal | None
    total_cost: Decimal | None


@dataclass(frozen=True, kw_only=True, slots=True)
class QuietHours:
    start: str
    end: str
    timezone: str | None


@dataclass(frozen=True, kw_only=True, slots=True)
class RecentCosts:
    since: datetime
    step_seconds: int
    steps: int
    cost_by_service: dict[str, list[Decimal]]


@dataclass(frozen=True, kw_only=True, slots=True)
class RecommendationBody:
    kind: Literal["model_choice", "phrase_caching", "prepaid_bundle", "shorter_replies"]
    recommendation: str
    saving: Decimal
    current_cost: Decimal
    new_cost: Decimal
    computation: str
    evidence: EvidenceBody
    alternatives: list[AlternativeBody]


@dataclass(frozen=True, kw_only=True, slots=True)
class Recommendations:
    user_id: str
    period: Period
    based_on_calls: int
    based_on_events: int
    recommendations: list[RecommendationBody]
    retirements: list[RetirementBody]
    notes: list[str]


@dataclass(frozen=True, kw_only=True, slots=True)
class RetirementBody:
    warning: str
    retires_on: date | None
    is_deprecated: bool
    current_cost: Decimal
    evidence: EvidenceBody
    replacements: list[AlternativeBody]


@dataclass(frozen=True, kw_only=True, slots=True)
class RoundingCost:
    service: str
    operation: str
    model: str | None
    leg_id: str | None
    billed_seconds: Decimal
    total_cost: Decimal


@dataclass(frozen=True, kw_only=True, slots=True)
class Spending:
    user_id: str
    period: Period
    total_calls: int
    total_duration_seconds: Decimal
    average_duration_seconds: Decimal
    total_cost: Decimal
    total_api_cost: Decimal
    total_infrastructure_cost: Decimal
    total_transaction_cost: Decimal
    average_cost_per_call: Decimal
    total_charged: Decimal
    total_refunded: Decimal
    total_net_revenue: Decimal | None
    total_gross_profit: Decimal | None
    average_margin_percent: str | None
    cost_by_service: dict[str, Decimal]
    top_personas: list[PersonaCost]
    daily: list[SpendingDay]
    unpriced_events: int
    previous: PreviousSpending | None = None
    groups: CostGroups | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class SpendingDay:
    date: date
    calls: int
    total_cost: Decimal
    charged_to_user: Decimal
    gross_profit: Decimal | None
    cost_by_service: dict[str, Decimal]
    cost_by_group: dict[str, Decimal] | None = None
    cost_by_persona: dict[str, Decimal]


@dataclass(frozen=True, kw_only=True, slots=True)
class TodaySoFar:
    calls: int
    cost: Decimal
    revenue: Decimal


@dataclass(frozen=True, kw_only=True, slots=True)
class TransactionCost:
    total_fee: Decimal


@dataclass(frozen=True, kw_only=True, slots=True)
class UnitSum:
    unit: str
    usage: Decimal
