"""100 stuck calls among 10,000: each is found in time, no other one is, and the saving is exact.

The calls are recorded second by second of a virtual time, as they would arrive, and checked every
ten seconds of it, as a worker does.
"""

import json
import random
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from fractions import Fraction
from itertools import chain
from typing import NamedTuple

import pytest

from ledger.stuck_calls.detection import StuckCallDetector
from tests.support.events import Plain, cost, ended, started
from tests.support.expected_prices import cost_nano, nano, time_of
from tests.support.fault_table import FaultRecorder
from tests.support.prices import DEFAULTS
from tests.support.recording import BatchWriter, TopicLog, fetch
from tests.support.stuck_calls import LIMITS, check_calls, detector

CALLS, STUCK = 10_000, 100
WINDOW_SECONDS, STEP_SECONDS = 270, 10
FOUND_SECONDS_MAX, FALSE_MAX = 60, 1
BEGAN = datetime.now(UTC).replace(microsecond=0) - timedelta(seconds=WINDOW_SECONDS)


class SampleCall(NamedTuple):
    """A call with its events; `stuck_at` is its last turn if it is stuck."""

    events: list[Plain]
    stuck_at: datetime | None


def a_call(number: int, rng: random.Random) -> SampleCall:
    """Return a call: stuck, without a conversation, idle, ended, or in conversation until the end."""
    kind = "stuck" if number < STUCK else rng.choices(
        ("plain", "idle", "ended", "talk"), (2, 1, 3, 94)
    )[0]  # fmt: skip
    name, user = f"call-{number}", f"user-{number % 500}"
    begin = rng.uniform(0, 60)
    until = rng.uniform(90, 200) if kind in {"idle", "ended"} else WINDOW_SECONDS
    stuck_at = rng.uniform(begin + 10, 80)
    events = [started(name, user, time=_at(begin))]
    events += [cost(name, user, time=_at(at)) for at in _moments(begin, until, rng, (45, 60))]
    if kind != "plain":
        last = stuck_at if kind == "stuck" else until
        turns = [begin + 1, *_moments(begin, last, rng, (40, 110)), last]
        events += [_turn(name, user, at) for at in turns]
    if kind == "ended":
        events.append(ended(name, user, time=_at(until)))
    turned = [time_of(one) for one in events if one["data"].get("operation") == "inference"]
    return SampleCall(events, max(turned) if kind == "stuck" else None)


def _moments(
    begin: float, until: float, rng: random.Random, pause: tuple[int, int]
) -> Iterator[float]:
    at = begin + rng.uniform(*pause)
    while at < until:
        yield at
        at += rng.uniform(*pause)


def _at(seconds: float) -> datetime:
    return BEGAN + timedelta(milliseconds=int(seconds * 1000))


def _turn(call: str, user: str, at: float) -> Plain:
    fields = {"service": "openai", "operation": "inference", "model": "gpt-4-turbo"}
    usage = {"usage": 700, "unit": "output_tokens"}
    return cost(call, user, time=_at(at), **fields, **usage)


def saving(call: SampleCall, until: datetime) -> int:
    """Return the saving by the documented formula, in nano-dollars."""
    costs = [one for one in call.events if one["type"] == "cost.recorded" and time_of(one) <= until]
    last_turn = max(time_of(one) for one in costs if one["data"]["operation"] == "inference")
    since = [one for one in costs if time_of(one) > last_turn]
    lasted = max(map(time_of, since)) - last_turn
    left = time_of(call.events[0]) + LIMITS.lifetime - until
    spent = sum(cost_nano(one, DEFAULTS) or 0 for one in since)
    return round(
        Fraction(spent * (left // timedelta(milliseconds=1)), lasted // timedelta(milliseconds=1))
    )


async def found_by_step(
    database_url: str, calls: list[SampleCall], watch: StuckCallDetector
) -> dict[str, datetime]:
    """Record the calls step by step; returns when each anomaly was found."""
    events = sorted(chain.from_iterable(call.events for call in calls), key=time_of)
    found: dict[str, datetime] = {}
    log, begin = TopicLog(), 0
    async with BatchWriter(database_url, copies=True) as writer:
        for step in range(STEP_SECONDS, WINDOW_SECONDS + 1, STEP_SECONDS):
            until = _at(step)
            end = begin
            while end < len(events) and time_of(events[end]) <= until:
                end += 1
            await writer.record(log.batch(events[begin:end]))
            begin = end
            arrived = "UPDATE call_cost_events SET recorded_at = time WHERE recorded_at > time"
            await fetch(database_url, arrived)
            await check_calls(database_url, until, watch)
            for row in await fetch(database_url, "SELECT subject FROM cost_anomalies"):
                found.setdefault(row["subject"], until)
    return found


@pytest.mark.timeout(600)
async def test_stuck_calls_among_ten_thousand_are_found_in_time(
    database_url: str, record_fault: FaultRecorder
) -> None:
    rng = random.Random(1)
    calls = [a_call(number, rng) for number in range(CALLS)]
    found = await found_by_step(database_url, calls, detector())

    stuck = {f"call-{n}": at for n, call in enumerate(calls) if (at := call.stuck_at) is not None}
    late = sorted(
        (found[name] - at - LIMITS.silent).total_seconds()
        for name, at in stuck.items()
        if name in found
    )
    rows = await fetch(database_url, "SELECT subject, data FROM cost_anomalies")
    savings = {
        row["subject"]: nano(Fraction(json.loads(row["data"], parse_float=str)["savings_usd"]))
        for row in rows
    }
    expected = {name: saving(calls[int(name[5:])], found[name]) for name in found}
    false = found.keys() - stuck.keys()
    record_fault(
        f"{STUCK} stuck calls of {CALLS}: found at most {late[-1]:.0f} s after the limit, "
        f"{len(false)} false, saving ${Fraction(sum(expected.values()), 10**9).__float__():.2f}",
        sent=STUCK,
        counted=len(late),
        difference=sum(abs(savings[name] - exact) for name, exact in expected.items()),
    )
    assert len(late) == STUCK
    assert late[-1] <= FOUND_SECONDS_MAX
    assert len(false) <= FALSE_MAX
    assert savings == expected
