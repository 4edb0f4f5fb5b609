"""Settings of the worker: its batches, budgets, prices, and how long data are kept."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, get_args

from cost_analytics.configuration.variable import Section, choice, file, integer
from schemas.alerts import SpendBasis

_DAYS_MAX: Final = 36_500
_DAYS: Final = (1, _DAYS_MAX)
_IDENTITY_DAYS_MIN: Final = 430
"""An event may be 400 days old, and a month of margin for what waits in Kafka."""
_ALERT_DAYS_MIN: Final = 465
"""The same, and the longest period of a budget."""


@dataclass(frozen=True, slots=True)
class BudgetSection(Section):
    """What counts against a budget."""

    basis: SpendBasis = choice(
        "BUDGET_BASIS",
        "charged",
        get_args(SpendBasis),
        "What counts against a budget: what the user is charged, or the cost of the calls.",
    )


@dataclass(frozen=True, slots=True)
class PriceSection(Section):
    """Where prices are fetched from."""

    sources: str | None = file(
        "PRICE_SOURCES",
        "A JSON file that names the sources of prices ([prices](prices.md)). Without it nothing "
        "is fetched.",
    )


@dataclass(frozen=True, slots=True)
class WorkerSection(Section):
    """How much a worker does at once."""

    lanes: int = integer(
        "WORKER_LANES",
        2,
        (1, 16),
        "Batches that one worker writes at the same time, each over a connection of its own.",
    )
    batch_max: int = integer(
        "WORKER_BATCH_MAX",
        32_000,
        (1, 100_000),
        "Most events in one transaction. Larger is faster under load, up to about 32000.",
    )
    refusal_stop_percent: int = integer(
        "WORKER_REFUSAL_STOP_PERCENT",
        50,
        (0, 100),
        "A large batch (1000 refusals or more) of which this much is refused is not recorded but "
        "tried again, since the fault is more likely ours. 0 switches this off.",
    )


@dataclass(frozen=True, slots=True)
class RetentionSection(Section):
    """How many days data are kept that no total needs, and how often they are looked through."""

    interval_minutes: int = integer(
        "RETENTION_INTERVAL_MINUTES",
        60,
        (1, 1_440),
        "How often one of the workers removes what is older than the settings below.",
    )
    identity_days: int = integer(
        "RETENTION_IDENTITY_DAYS",
        430,
        (_IDENTITY_DAYS_MIN, _DAYS_MAX),
        "Identities of events, counted from their recording, and what a void or a late price needs "
        f"of archived costs. At least {_IDENTITY_DAYS_MIN}: an event may be 400 days old, and a "
        "repeat of it must be recognised.",
    )
    dead_letter_days: int = integer(
        "RETENTION_DEAD_LETTER_DAYS",
        400,
        _DAYS,
        "Refused records in the table `dead_letters`. After 400 days a replay could count none of "
        "them.",
    )
    price_proposal_days: int = integer(
        "RETENTION_PRICE_PROPOSAL_DAYS",
        730,
        _DAYS,
        "Price proposals that were decided. One that is pending stays. The catalogue is kept "
        "whole.",
    )
    price_refresh_days: int = integer(
        "RETENTION_PRICE_REFRESH_DAYS", 90, _DAYS, "The log of refreshes of price sources."
    )
    alert_days: int = integer(
        "RETENTION_ALERT_DAYS",
        800,
        (_ALERT_DAYS_MIN, _DAYS_MAX),
        f"Budget alerts and cutoff requests. At least {_ALERT_DAYS_MIN}, so that a late event "
        "raises no alert a second time.",
    )
    anomaly_days: int = integer(
        "RETENTION_ANOMALY_DAYS",
        800,
        (_ALERT_DAYS_MIN, _DAYS_MAX),
        f"Anomalies. At least {_ALERT_DAYS_MIN}, for the same reason.",
    )
    notification_days: int = integer(
        "RETENTION_NOTIFICATION_DAYS",
        180,
        (7, _DAYS_MAX),
        "Notification deliveries that are finished, with their attempts.",
    )
    total_days: int = integer(
        "RETENTION_TOTAL_DAYS",
        90,
        _DAYS,
        "Totals of ended calls on `cost.call-totals.v1`, counted from their last change: then a "
        "tombstone lets compaction remove them. The totals in PostgreSQL are never removed.",
    )
