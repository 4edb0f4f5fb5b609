"""Late calls and days are checked although `notices` restarts within the grace period."""

from datetime import UTC, datetime, timedelta

import pytest

from ledger.anomalies.rows import anomaly_store
from streams.anomalies.watcher import AnomalyWatcher, AnomalyWatcherOptions
from tests.support.anomalies import count_announced, row, stored_anomalies, sweep_from, write_calls
from tests.support.events import Plain, charged, cost, ended, started
from tests.support.recording import BatchWriter, TopicLog, fetch

GRACE = timedelta(minutes=15)
HOUR = timedelta(hours=1)
DAY = timedelta(days=1)
SERVICES = [
    ("deepgram", "transcription", 5, "minutes"),
    ("cerebras", "inference", 1000, "tokens"),
    ("elevenlabs", "tts", 1000, "characters"),
]
"""The services of every leg but telephony."""


def without_telephone(call: str, at: datetime) -> list[Plain]:
    models = {"deepgram": "nova-2", "cerebras": "llama3.1-8b", "elevenlabs": "eleven_turbo_v2_5"}
    return [
        cost(
            call,
            service=service,
            operation=name,
            usage=usage,
            unit=unit,
            model=models[service],
            time=at,
        )
        for service, name, usage, unit in SERVICES
    ]


async def record(url: str, *events: Plain) -> datetime:
    async with BatchWriter(url) as writer:
        outcome = await writer.record(TopicLog().batch(events))
    assert not writer.letters
    assert outcome.committed_at is not None
    return outcome.committed_at


async def restart(url: str, call_ids: list[str], begin: datetime) -> None:
    """Run `notices` until just before the grace period ends, then start a new process."""
    options = AnomalyWatcherOptions(grace=GRACE, spike_delay_ms=0)
    await sweep_from(url, begin - GRACE)
    async with anomaly_store(url) as store:
        first = AnomalyWatcher(store, options, lambda: begin + GRACE - timedelta(seconds=5))
        for call_id in call_ids:
            first.notify(call_id)
        while await first.step():
            pass
        second = AnomalyWatcher(store, options, lambda: begin + GRACE + timedelta(minutes=2))
        while await second.step():
            pass


async def test_missing_legs_of_late_calls_are_found_after_a_restart(database_url: str) -> None:
    at = datetime.now(UTC) - 5 * HOUR
    calls = [f"late-{n}" for n in range(10)]
    events = [
        event
        for call in calls
        for event in (
            started(call, time=at),
            *without_telephone(call, at),
            ended(call, time=at + HOUR / 12),
        )
    ]
    begin = await record(database_url, *events)
    await restart(database_url, calls, begin)
    missed = [one for one in await stored_anomalies(database_url) if one[0] == "missing_leg"]
    assert missed == [("missing_leg", call, "telephony", True) for call in sorted(calls)]
    assert await count_announced(database_url) == len(calls)
    assert await fetch(database_url, "SELECT FROM pending_anomaly_checks") == []


async def test_missing_legs_of_charged_calls_without_an_end_are_found(database_url: str) -> None:
    at = datetime.now(UTC) - 5 * HOUR
    calls = [f"open-{n}" for n in range(10)]
    events = [
        event
        for call in calls
        for event in (started(call, time=at), *without_telephone(call, at), charged(call, time=at))
    ]
    begin = await record(database_url, *events)
    await restart(database_url, [], begin)  # the total of such a call is still active
    missed = [one for one in await stored_anomalies(database_url) if one[0] == "missing_leg"]
    assert len(missed) == len(calls)


@pytest.mark.parametrize("days_ago", [1, 6, 20])
async def test_late_cost_makes_its_day_a_spike(database_url: str, days_ago: int) -> None:
    now = datetime.now(UTC)
    noon = now.replace(hour=12) - days_ago * DAY
    await write_calls(
        database_url,
        *(row(f"past-{n}-{m}", noon - n * DAY - m * HOUR) for n in range(1, 36) for m in (0, 1)),
    )
    events = [
        cost(f"late-{n}", service="elevenlabs", operation="tts", usage=1, unit="characters",
             totalCost="0.20", time=noon, personaId="brad_001")
        for n in range(100)
    ]  # fmt: skip
    begin = await record(database_url, *events)
    await restart(database_url, [], begin)
    spikes = [one for one in await stored_anomalies(database_url) if one[0] == "day_spike"]
    assert [one[1] for one in spikes] == [noon.date().isoformat()]


async def test_each_change_starts_the_grace_period_again(database_url: str) -> None:
    at = datetime.now(UTC) - 5 * HOUR
    await record(
        database_url,
        started("late", time=at),
        *without_telephone("late", at),
        ended("late", time=at),
    )
    [(first,)] = await fetch(
        database_url, "SELECT changed_at FROM pending_anomaly_checks WHERE kind = 'call'"
    )
    line = cost("late", time=at)
    begin = await record(database_url, line)
    [(second,)] = await fetch(
        database_url, "SELECT changed_at FROM pending_anomaly_checks WHERE kind = 'call'"
    )
    assert second > first
    await restart(database_url, ["late"], begin)
    assert [one for one in await stored_anomalies(database_url) if one[0] == "missing_leg"] == []


async def test_current_calls_store_no_check(database_url: str) -> None:
    """The sweep finds them, so an ordinary batch writes nothing more."""
    at = datetime.now(UTC)
    await record(
        database_url, started("now", time=at), *without_telephone("now", at), ended("now", time=at)
    )
    assert await fetch(database_url, "SELECT FROM pending_anomaly_checks") == []
