"""The texts of `top`: its figures, and the rows of its tables."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import datetime
from typing import Final, Literal, NamedTuple

from cost_analytics.monitor.rates import RecentReadings
from cost_analytics.monitor.reading import Snapshot
from ledger.operations.activity import ActiveCall, RaisedAlert
from ledger.operations.figures import COUNTED_MAX
from schemas.money import half_even
from schemas.sentences import percentage

Order = Literal["cost", "rate", "age"]
ORDERS: Final[tuple[Order, ...]] = ("cost", "rate", "age")

CALL_COLUMNS: Final = ("cost", "per minute", "age", "events", "user", "persona", "call")
"""The longest columns are last: a narrow terminal cuts them."""
ALERT_COLUMNS: Final = ("raised", "user", "budget", "period", "reached")
_OLD_SECONDS: Final = 60
_NANO_PER_STEP: Final = 100_000
"""Amounts are shown in steps of a hundredth of a cent."""
_STEPS_PER_USD: Final = 10_000


class Figure(NamedTuple):
    """A figure with its name; `is_bad` ones need attention."""

    name: str
    value: str
    is_bad: bool = False


def figures_of(snapshot: Snapshot, rates: RecentReadings) -> Iterator[Figure]:
    """Return the figures above the tables."""
    figures = snapshot.figures
    running = sum(rates.nano_per_minute(call.call_id) for call in snapshot.calls)
    waiting = "unknown" if snapshot.waiting is None else f"{snapshot.waiting:,}"
    held, partitions = figures.partitions_held, snapshot.partitions
    yield Figure("events/s", f"{rates.records_per_second():,}")
    yield Figure("waiting", waiting, snapshot.waiting is None)
    yield Figure("active calls", f"{len(snapshot.calls):,}")
    yield Figure("cost/min", amount(running))
    yield Figure("workers", f"{figures.workers}", not figures.workers)
    yield Figure("partitions", f"{held}/{partitions}", held < partitions)
    oldest = max(figures.totals.oldest_seconds, figures.messages.oldest_seconds)
    yield Figure("outbox", f"{oldest} s", oldest > _OLD_SECONDS)
    overdue = figures.notices.oldest_seconds
    yield Figure("overdue", f"{overdue} s", overdue > _OLD_SECONDS)
    yield Figure("held", _count(figures.held_events))
    yield Figure("unpriced", _count(figures.unpriced_events), figures.unpriced_events > 0)
    yield Figure("gaps", f"{figures.open_gaps}", figures.open_gaps > 0)


def call_rows(snapshot: Snapshot, rates: RecentReadings, order: Order) -> Iterator[tuple[str, ...]]:
    """Return the rows of active calls, the first one by `order` first."""
    keys: dict[Order, Callable[[ActiveCall], int]] = {
        "cost": lambda call: call.cost_nano,
        "rate": lambda call: rates.nano_per_minute(call.call_id),
        "age": _age_seconds,
    }
    for call in sorted(snapshot.calls, key=keys[order], reverse=True):
        yield (
            amount(call.cost_nano),
            amount(rates.nano_per_minute(call.call_id)),
            _clock_text(_age_seconds(call)),
            f"{call.event_count:,}",
            call.user_id,
            call.persona_id or "",
            call.call_id,
        )


def alert_row(alert: RaisedAlert) -> tuple[str, ...]:
    """Return the row of an alert."""
    late = " (late)" if alert.is_late else ""
    return (
        _time_text(alert.triggered_at),
        alert.user_id,
        alert.type,
        alert.period,
        f"{percentage(alert.threshold_percent)}{late}",
    )


def amount(nano: int) -> str:
    """Return an amount in dollars with four decimals."""
    steps = half_even(abs(nano), _NANO_PER_STEP)
    dollars, rest = divmod(steps, _STEPS_PER_USD)
    return f"{'-' if nano < 0 else ''}${dollars:,}.{rest:04d}"


def _age_seconds(call: ActiveCall) -> int:
    return max(0, int((call.read_at - call.first_at).total_seconds()))


def _clock_text(seconds: int) -> str:
    minutes, rest = divmod(seconds, 60)
    return f"{minutes}:{rest:02d}"


def _time_text(moment: datetime) -> str:
    return f"{moment:%m-%d %H:%M:%S}"


def _count(number: int) -> str:
    return f"{number:,}+" if number >= COUNTED_MAX else f"{number:,}"
