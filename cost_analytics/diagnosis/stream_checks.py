"""Checks the stream: workers, records that wait, and what was not counted or not sent."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Final

from cost_analytics.diagnosis.check_result import CheckResult, count_text, ok, problem, warning
from cost_analytics.diagnosis.database_checks import CLOCK_SECONDS_MAX
from cost_analytics.lag import Lag
from ledger.operations.dead_letters import RefusedCount
from ledger.operations.figures import COUNTED_MAX, ProductFigures

_STREAM: Final = "stream"
_EVENTS: Final = "events"
_DELIVERY: Final = "delivery"
_LAG_MAX: Final = 100_000
_OUTBOX_SECONDS_MAX: Final = 60
_OVERDUE_SECONDS_MAX: Final = 300
_RETENTION_SECONDS_MAX: Final = 3 * 3_600


def check_workers(figures: ProductFigures, partitions: int) -> Iterator[CheckResult]:
    """Check that every partition is read, by workers whose clocks are right."""
    held, workers = figures.partitions_held, count_text(figures.workers, "worker")
    if not figures.workers:
        yield problem(_STREAM, "no worker runs", "start `cost-analytics worker`")
    elif held < partitions:
        found = f"{held} of {partitions} partitions are read by {workers}"
        yield problem(_STREAM, found, "wait for the assignment to end, or start a worker")
    else:
        yield ok(_STREAM, f"all {partitions} partitions are read by {workers}")
    skew = figures.clock_skew_ms / 1_000
    if abs(skew) > CLOCK_SECONDS_MAX:
        found = f"the clock of a worker differs from PostgreSQL's by {skew:+.0f} s"
        yield problem("clocks", found, "synchronize it by NTP; `clock_skewed` in the log names it")


def check_lag(found: Lag) -> Iterator[CheckResult]:
    """Check that records are counted soon, and before Kafka removes them."""
    if found.removed:
        text = f"Kafka removed {count_text(found.removed, 'record')} before they were counted"
        yield problem(_STREAM, text, "they become a gap; see docs/operations.md, Gaps")
    text = f"{count_text(found.waiting, 'record')} waiting to be counted"
    if found.waiting > _LAG_MAX:
        remedy = "add workers, or see docs/operations.md, Stopped consumption"
        yield warning(_STREAM, text, remedy)
    else:
        yield ok(_STREAM, text)


def check_events(figures: ProductFigures, refused: Sequence[RefusedCount]) -> Iterator[CheckResult]:
    """Check that no event is lost, refused or without a price."""
    gaps = _gap_results(figures)
    yield from gaps
    pending = {count.code: count.pending for count in refused if count.pending}
    if pending:
        codes = ", ".join(f"{number:,} {code}" for code, number in pending.items())
        remedy = "`dlq list` says why; after the fix, `dlq replay` counts them"
        yield warning(_EVENTS, f"refused and not sent again: {codes}", remedy)
    if figures.unpriced_events:
        found = f"{_number(figures.unpriced_events)} counted events have no price"
        remedy = "enter the prices that /api/admin/reconciliation names (docs/prices.md)"
        yield warning(_EVENTS, found, remedy)
    if not (gaps or pending or figures.unpriced_events):
        yield ok(_EVENTS, "no gaps, no refused events, none without a price")
    if figures.held_events:
        found = f"{_number(figures.held_events)} events wait until the user of their call is known"
        yield warning(_EVENTS, found, "`cost-analytics held list` shows the calls")


def _gap_results(figures: ProductFigures) -> list[CheckResult]:
    if not figures.open_gaps:
        return []
    gaps = count_text(figures.open_gaps, "open gap")
    found = f"{gaps}: records that Kafka lost before they were counted"
    return [problem(_EVENTS, found, "`cost-analytics gaps list` shows them and how to fill them")]


def check_delivery(figures: ProductFigures) -> Iterator[CheckResult]:
    """Check that totals, alerts and notifications leave, and that retention runs."""
    is_late = False
    for name, backlog in (("totals", figures.totals), ("alerts and commands", figures.messages)):
        if backlog.oldest_seconds > _OUTBOX_SECONDS_MAX:
            is_late = True
            found = f"{name} have waited for Kafka for {backlog.oldest_seconds} s"
            yield problem(_DELIVERY, found, "check that Kafka accepts records and a worker runs")
    if figures.notices.oldest_seconds > _OVERDUE_SECONDS_MAX:
        is_late = True
        found = f"{_number(figures.notices.waiting)} notifications are overdue, the oldest one "
        found += f"by {figures.notices.oldest_seconds} s"
        yield problem(_DELIVERY, found, "start `cost-analytics notices`; read its log")
    if not is_late:
        yield ok(_DELIVERY, "totals, alerts and notifications leave in time")
    ages = [result.seconds for result in figures.retained.values()]
    if ages and max(ages) > _RETENTION_SECONDS_MAX:
        found = f"retention has not run for {max(ages) // 3_600} hours"
        yield warning(_DELIVERY, found, "start a worker; `retention_retry` in its log says why")


def _number(count: int) -> str:
    return f"{count:,} or more" if count >= COUNTED_MAX else f"{count:,}"
