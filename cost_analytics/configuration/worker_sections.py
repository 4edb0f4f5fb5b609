"""Settings of the worker: batches, budgets, prices, stuck calls and retention."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, get_args

from cost_analytics.configuration.variable import Section, choice, file, flag, integer
from schemas.alerts import SpendBasis

_DAYS_MAX: Final = 36_500
_SECONDS_MAX: Final = 30 * 86_400
_DAYS: Final = (1, _DAYS_MAX)
_IDENTITY_DAYS_MIN: Final = 430
"""The maximum age of an event, 400 days, and a month for events that wait in Kafka."""
_ALERT_DAYS_MIN: Final = 465
"""The same, and the longest period of a budget: a month."""


@dataclass(frozen=True, slots=True)
class BudgetSection(Section):
    """The spend that counts against a budget."""

    basis: SpendBasis = choice(
        "BUDGET_BASIS",
        "charged",
        get_args(SpendBasis),
        "What counts against a budget: what the user is charged, or the cost of the calls.",
    )


@dataclass(frozen=True, slots=True)
class PriceSection(Section):
    """The sources of prices."""

    sources: str | None = file(
        "PRICE_SOURCES",
        "A JSON file with the sources of prices ([prices](prices.md)). Unset: no prices are "
        "fetched.",
    )


@dataclass(frozen=True, slots=True)
class WorkerSection(Section):
    """The sizes of a worker's batches, and their number at a time."""

    lanes: int = integer(
        "WORKER_LANES",
        2,
        (1, 16),
        "Batches that one worker writes concurrently, each on its own connection.",
    )
    batch_max: int = integer(
        "WORKER_BATCH_MAX",
        64_000,
        (1, 100_000),
        "The maximum number of events in one transaction. Under load, larger batches are faster, "
        "up to about 64,000 events.",
    )
    refusal_stop_percent: int = integer(
        "WORKER_REFUSAL_STOP_PERCENT",
        50,
        (0, 100),
        "A batch with 1,000 refusals or more is not recorded but retried if this percentage of it "
        "is refused, because the fault is more likely ours. Events without a price count as "
        "refused. 0 turns this off.",
    )


@dataclass(frozen=True, slots=True)
class StuckCallSection(Section):
    """When a call is stuck, and what is done about it."""

    silent_seconds: int = integer(
        "SILENT_CALL_SECONDS",
        120,
        (0, _SECONDS_MAX),
        "A call that keeps costing for this time without a cost of inference is an anomaly "
        "([anomalies](anomalies.md#stuck-calls)). 0 turns this off.",
    )
    lifetime_seconds: int = integer(
        "CALL_LIFETIME_MAX_SECONDS",
        14_400,
        (0, _SECONDS_MAX),
        "A call without an end, and without an event for this time, is closed as `abandoned`. A "
        "later event reopens it. 0 turns this off.",
    )
    ends_calls: bool = flag(
        "STUCK_CALL_CUTOFF",
        False,
        "Whether `call.cutoff.requested` is published for a stuck call, once a call.",
    )


@dataclass(frozen=True, slots=True)
class RetentionSection(Section):
    """How many days data without effect on totals are kept, and how often old data are removed."""

    interval_minutes: int = integer(
        "RETENTION_INTERVAL_MINUTES",
        60,
        (1, 1_440),
        "How often one of the workers removes data older than the settings below.",
    )
    identity_days: int = integer(
        "RETENTION_IDENTITY_DAYS",
        430,
        (_IDENTITY_DAYS_MIN, _DAYS_MAX),
        "Identities of events, counted from their recording, and the details of archived costs "
        f"that voids and late prices need. At least {_IDENTITY_DAYS_MIN}: an event may be 400 "
        "days old, and a repeat of it must be recognized.",
    )
    dead_letter_days: int = integer(
        "RETENTION_DEAD_LETTER_DAYS",
        400,
        _DAYS,
        "Refused records in the table `dead_letters`. A replay cannot count records older than 400 "
        "days.",
    )
    price_proposal_days: int = integer(
        "RETENTION_PRICE_PROPOSAL_DAYS",
        730,
        _DAYS,
        "Decided price proposals. Pending ones and the catalogue are never removed.",
    )
    price_refresh_days: int = integer(
        "RETENTION_PRICE_REFRESH_DAYS", 90, _DAYS, "The log of refreshes of price sources."
    )
    alert_days: int = integer(
        "RETENTION_ALERT_DAYS",
        800,
        (_ALERT_DAYS_MIN, _DAYS_MAX),
        f"Budget alerts and cutoff requests. At least {_ALERT_DAYS_MIN}, so that a late event "
        "cannot raise an alert again.",
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
        "Finished notification deliveries, with their attempts.",
    )
    total_days: int = integer(
        "RETENTION_TOTAL_DAYS",
        90,
        _DAYS,
        "Totals of ended calls in `cost.call-totals.v1`, counted from their last change. Then a "
        "tombstone lets compaction remove them. The totals in PostgreSQL are never removed.",
    )
