"""Compares what active calls were projected to cost with what they cost in the end."""

import statistics
from collections.abc import Iterable, Iterator, Sequence
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from random import Random
from typing import NamedTuple

from api.live.usual_calls import UsualCalls
from api.live.view import live_call
from devkit.simulation.call import CallScript
from devkit.simulation.wire import encode, envelope
from ledger.calls.totals import call_total
from schemas.cloudevents import Window, decode
from schemas.events import Event
from tests.support.events import Plain, charged, cost, decoded, ended, started
from tests.support.memory_ledger import MemoryLedger
from tests.support.recording import BatchWriter, TopicLog

_AT_ONCE = 2_000


class Reported(NamedTuple):
    """An event and the time at which it is recorded."""

    at: datetime
    event: Event


class Outcome(NamedTuple):
    """A call: its final cost relative to its first projection and to the one at half time.

    `in_range` says whether the final cost is in the first range.
    """

    first: float
    half: float
    in_range: bool


class Accuracy(NamedTuple):
    """Medians of final cost ÷ projection, and the share of final costs in the first range."""

    calls: int
    first: float
    half: float
    in_range: float

    def __str__(self) -> str:
        return (
            f"{self.calls} calls, final ÷ first projection {self.first:.2f}, "
            f"÷ at half time {self.half:.2f}, in range {self.in_range:.0%}"
        )


async def record_history(database_url: str, events: Sequence[Plain | bytes]) -> None:
    """Record events in the database."""
    topic = TopicLog()
    async with BatchWriter(database_url) as writer:
        for start in range(0, len(events), _AT_ONCE):
            await writer.record(topic.batch(events[start : start + _AT_ONCE]))
        assert not writer.letters


def simulated_call(rng: Random, user: str, begins: datetime) -> list[Reported]:
    """Return the events of a call of the simulation, in order of their reports."""
    events, _ = CallScript(rng, user, round(begins.timestamp() * 1000)).write()
    window = Window.around(begins + timedelta(hours=1))
    reports = [
        Reported(
            datetime.fromtimestamp((event.time_ms + event.delay_ms) / 1000, UTC),
            decode(encode(envelope(event)), [], window),
        )
        for event in events
    ]
    return sorted(reports, key=lambda report: report.at)


def plain_call(rng: Random, call: str, begins: datetime, seconds: int, ending: str) -> list[Plain]:
    """Return the events of a call of about `seconds`.

    `ending` is `charged`, `uncharged` (completed, so the default charge is due) or `free`
    (terminated without a charge). Telephony is billed at the end.
    """
    lasts = seconds * rng.randrange(70, 131) // 100
    over = begins + timedelta(seconds=lasts)
    more = {"persona": f"of-{seconds}-{ending}"}
    events = [started(call, "alice", time=begins, **more)]
    for second in range(4, lasts, 8):
        at = begins + timedelta(seconds=second)
        events += [
            cost(call, "alice", time=at, service="deepgram", operation="stt_streaming", unit="seconds",
                 usage=rng.randrange(2, 5), model="nova-2"),
            cost(call, "alice", time=at + timedelta(seconds=1), service="elevenlabs",
                 operation="tts", unit="characters", usage=rng.randrange(40, 160)),
        ]  # fmt: skip
    events += [
        ended(call, "alice", time=over, duration_seconds=lasts,
              status="terminated" if ending == "free" else "completed"),
        cost(call, "alice", time=over + timedelta(seconds=1), usage=-(-lasts // 60)),
    ]  # fmt: skip
    if ending == "charged":
        events.append(charged(call, "alice", time=over + timedelta(seconds=3)))
    return events


def reported(events: Iterable[Plain]) -> list[Reported]:
    """Return events that are recorded when they happen."""
    window = Window.around(datetime.now(UTC))
    return [Reported(event["time"], decoded(event, window)) for event in events]


def accuracy(calls: Iterable[Sequence[Reported]], expectations: UsualCalls) -> Accuracy:
    """Return how well the projections of calls agree with their final costs."""
    outcomes = [one for reports in calls for one in _outcome(reports, expectations)]
    return Accuracy(
        len(outcomes),
        statistics.median(one.first for one in outcomes),
        statistics.median(one.half for one in outcomes),
        sum(one.in_range for one in outcomes) / len(outcomes),
    )


def _outcome(reports: Sequence[Reported], expectations: UsualCalls) -> Iterator[Outcome]:
    """Yield the outcome of a call if it was ever projected."""
    ledger, shown = MemoryLedger(), []
    begins = reports[0].at
    for report in reports:
        ledger.record([report.event])
        for call in ledger.calls.values():
            live = live_call(call_total(call, report.at), expectations, report.at)
            if live.status == "active" and live.projection is not None:
                shown.append((report.at, live.projected_cost, live.projection))
    [call] = ledger.calls.values()
    if not shown:
        return
    final = sum(call.costs_by_service().values())
    half_at = begins + timedelta(milliseconds=call.duration_ms) / 2
    half = next((cost for at, cost, _ in reversed(shown) if at <= half_at), shown[0][1])
    _, first, bounds = shown[0]
    yield Outcome(
        _ratio(final, first.nano),
        _ratio(final, half.nano),
        bounds.low.nano <= final <= bounds.high.nano,
    )


def _ratio(part: int, whole: int) -> float:
    return float(Decimal(part) / whole)
