"""Anomalies: cost spikes of calls and days, and missing costs; as published and as listed."""

from __future__ import annotations

from datetime import date, datetime
from typing import Final, Literal, get_args

from msgspec import Struct

from schemas.exact import Exact
from schemas.jsonio import wire_name
from schemas.money import Usd

ANOMALY_TYPE: Final = "cost.anomaly.detected"
ANOMALY_SOURCE: Final = "/cost-analytics/anomalies"

AnomalyKind = Literal["call_spike", "day_spike", "missing_leg"]
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
    the baseline.
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


class PublishedAnomaly(Anomaly, kw_only=True, rename=wire_name):
    """An anomaly as consumers receive it, with its commit time and its publishing time."""

    committed_at: datetime
    published_at: datetime


class ListedAnomaly(Anomaly, kw_only=True, rename=wire_name):
    """An anomaly in its present state; `resolved_at` is when it turned out not to be one."""

    resolved_at: datetime | None


class AnomalyList(Struct, kw_only=True, rename=wire_name):
    """A page of anomalies, newest first; `next_cursor` is null on the last page."""

    anomalies: list[ListedAnomaly]
    next_cursor: str | None
