"""Anomalies: cost spikes of calls and days, and missing costs; as published and as listed."""

from __future__ import annotations

from datetime import date, datetime
from typing import Annotated, Final, Literal, get_args

from msgspec import Meta, Struct

from schemas.exact import Exact
from schemas.jsonio import wire_name
from schemas.money import Usd

ANOMALY_TYPE: Final = "cost.anomaly.detected"
ANOMALY_SOURCE: Final = "/cost-analytics/anomalies"

AnomalyKind = Literal["call_spike", "day_spike", "missing_leg", "silent_call", "abandoned_call"]
ANOMALY_KINDS: Final[tuple[AnomalyKind, ...]] = get_args(AnomalyKind)

Leg = Literal["telephony", "speech_recognition", "inference", "speech_synthesis"]
LEGS: Final[tuple[Leg, ...]] = get_args(Leg)
"""The parts of a call that must each have a cost."""

ComparedWith = Literal["own_persona_calls", "persona_calls", "own_calls", "own_days"]


class Anomaly(Struct, kw_only=True, rename=wire_name):
    """An unusual cost. Money is US dollars, times are UTC.

    `service` is null if all services rose together, and for a missing leg, which `leg` names.
    `call_id` is null for a day. `observed_usd` is the recorded cost. `expected_usd` is the
    baseline, null if there is none. `score` is the distance from the baseline in units of its
    spread, null for a missing leg. `compared_with` and `compared_count` describe the sample behind
    the baseline. Stuck calls have no baseline. `observed_usd` of a silent call is the cost since
    its last turn, and `savings_usd` what its end would save until the call reaches its lifetime.
    `observed_usd` of an abandoned call is its whole cost.
    """

    anomaly_id: str
    user_id: str
    kind: AnomalyKind
    service: str | None
    leg: Leg | None
    call_id: str | None
    day: date
    observed_usd: Usd
    expected_usd: Usd | None
    score: Exact | None
    compared_with: ComparedWith | None
    compared_count: int
    message: str
    occurred_at: datetime
    detected_at: datetime
    savings_usd: Usd | None = None


class PublishedAnomaly(Anomaly, kw_only=True, rename=wire_name):
    """An anomaly as consumers receive it, with its commit time and its publishing time."""

    committed_at: datetime
    published_at: datetime


class AnomalyDismissal(Struct, kw_only=True, rename=wire_name):
    """The reason why the user or an administrator dismissed an anomaly."""

    reason: str
    dismissed_by: str
    dismissed_at: datetime


class DismissalRequest(Struct, kw_only=True, rename=wire_name, forbid_unknown_fields=True):
    """The reason to dismiss an anomaly: 1 to 500 characters, not only spaces."""

    reason: Annotated[str, Meta(min_length=1, max_length=500)]


class ListedAnomaly(Anomaly, kw_only=True, rename=wire_name):
    """An anomaly in its present state.

    `resolved_at` is when later events removed its cause. `dismissal` is null if it is not
    dismissed.
    """

    resolved_at: datetime | None
    dismissal: AnomalyDismissal | None


class AnomalyList(Struct, kw_only=True, rename=wire_name):
    """A page of anomalies, latest first; `next_cursor` is null on the last page."""

    anomalies: list[ListedAnomaly]
    next_cursor: str | None


class AnomalyDay(Struct, kw_only=True, rename=wire_name):
    """The cost of a UTC day."""

    date: date
    cost_usd: Usd


class UsualCost(Struct, kw_only=True, rename=wire_name):
    """The usual range: baseline plus and minus 3.5 spreads on the square-root scale.

    It reaches at least 1 USD above the baseline. A cost above it is reported only if it also meets
    the other conditions.
    """

    low_usd: Usd
    high_usd: Usd


class AnomalyDetail(ListedAnomaly, kw_only=True, rename=wire_name):
    """An anomaly with the present costs that explain it.

    `cost_by_service` has the costs of its call; null for a day and for a removed call. `days` are
    the days before its day that it was compared with, in order, and its day; empty for a call. Each
    has the cost of the anomaly's service, or of all services whose cost depends on usage. The cost
    of the last day is without what unusually expensive calls cost above their usual cost.
    `usual_range` is null for a call, and if too few days have a cost.
    """

    cost_by_service: dict[str, Usd] | None
    days: list[AnomalyDay]
    usual_range: UsualCost | None
