"""Simulated calls: the same for the same plan, believable, and never ahead of their time."""

import json
from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime
from itertools import islice, pairwise
from typing import Any

import pytest

from cost_analytics.simulation.cast import DEMO_USER, PERSONAS, user_id
from cost_analytics.simulation.planning import Wish, plan_for, sendings
from cost_analytics.simulation.timeline import Plan, timeline
from cost_analytics.simulation.wire import Sending
from schemas.cloudevents import Window, decode
from schemas.events import CallEnded, CostRecorded, CostVoided, Event

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
NOW_MS = int(NOW.timestamp()) * 1_000
DAY_MS = 86_400_000


def everything(wish: Wish) -> list[Sending]:
    return list(sendings(wish, plan_for(wish, NOW_MS)))


def decoded(stream: list[Sending]) -> list[Event]:
    window = Window.around(NOW)
    return [decode(sending.value, (), window) for sending in stream if sending.good]


@pytest.fixture(scope="module")
def events() -> list[Event]:
    """Return a day of calls of some users."""
    return decoded(everything(Wish(users=30, calls=400, rate=0, seed=7)))


def test_the_same_plan_gives_the_same_bytes() -> None:
    wish = Wish(users=5, calls=20, rate=0, seed=3, repeats=500, malformed=500, shuffle_minutes=30)
    assert everything(wish) == everything(wish)
    other = Wish(users=5, calls=20, rate=0, seed=4, repeats=500, malformed=500, shuffle_minutes=30)
    assert not {one.value for one in everything(wish)} & {one.value for one in everything(other)}


def test_a_later_start_gives_other_identities() -> None:
    plan = Plan(seed=3, users=5, calls=10, start_ms=NOW_MS, spacing_us=1_000)
    later = Plan(seed=3, users=5, calls=10, start_ms=NOW_MS + 1, spacing_us=1_000)
    first, second = ({event.id for event in decoded(list(timeline(one)))} for one in (plan, later))
    assert not first & second


def test_identities_are_lower_case_version_7_uuids_of_their_time(events: list[Event]) -> None:
    assert len({event.identity for event in events}) == len(events)
    for event in events[:500]:
        assert event.id == event.id.lower()
        assert (len(event.id), event.id[14]) == (36, "7")
        assert event.id[19] in "89ab"
        assert int(event.id.replace("-", "")[:12], 16) == round(event.time.timestamp() * 1_000)


def test_every_kind_of_event_happens(events: list[Event]) -> None:
    kinds = Counter(event.type for event in events)
    assert kinds["call.started"] == kinds["call.ended"] == 400
    assert 200 < kinds["call.charged"] < 330
    assert kinds["call.refunded"] > 0
    assert kinds["cost.voided"] > 0
    assert 30 < kinds["cost.recorded"] / 400 < 60


def test_services_operations_and_outcomes_are_varied(events: list[Event]) -> None:
    costs = [event.data for event in events if isinstance(event.data, CostRecorded)]
    assert {cost.service for cost in costs} == {"twilio", "deepgram", "cerebras", "elevenlabs"}
    assert len({(cost.service, cost.operation) for cost in costs}) >= 14
    assert {cost.persona_id for cost in costs} == {None, *(persona.id for persona in PERSONAS)}
    assert any(cost.user_id is None for cost in costs)
    assert any(cost.total_cost is not None and cost.estimated for cost in costs)
    ends = Counter(event.data.status for event in events if isinstance(event.data, CallEnded))
    assert ends["completed"] > 300
    assert ends["failed"] > 0
    assert ends["terminated"] > 0


def test_what_is_voided_was_recorded_in_the_same_call(events: list[Event]) -> None:
    recorded = {(event.source, event.id): event.data.call_id for event in events}
    voids = [event.data for event in events if isinstance(event.data, CostVoided)]
    assert voids
    for void in voids:
        assert recorded[void.voids.source, void.voids.id] == void.call_id


def test_users(events: list[Event]) -> None:
    users = Counter(event.data.user_id for event in events if event.type == "call.started")
    assert users[DEMO_USER] > 20
    assert 20 < len(users) <= 30
    assert len({user_id(index) for index in range(100)}) == 100


def test_some_calls_are_told_a_day_late() -> None:
    stream = everything(Wish(users=30, calls=400, rate=1_000, seed=7))
    started = [event for event in decoded(stream) if event.type == "call.started"]
    late = [one for one in started if (NOW - one.time).total_seconds() > 80_000]
    assert 0 < len(late) < 20
    assert DEMO_USER not in {one.data.user_id for one in late}


@pytest.mark.parametrize("rate", [0, 20, 5_000])
@pytest.mark.parametrize("calls", [1, 3, 150])
def test_so_many_calls_lie_in_the_past(rate: int, calls: int) -> None:
    stream = decoded(everything(Wish(users=9, calls=calls, rate=rate, seed=1)))
    assert max(event.time for event in stream) <= NOW
    assert len({event.data.call_id for event in stream}) == calls


def test_the_rate_is_exact() -> None:
    stream = everything(Wish(users=9, calls=150, rate=500, seed=1))
    gaps = {after.at_us - before.at_us for before, after in pairwise(stream)}
    assert gaps == {2_000}


def live(rate: int, seconds: int) -> Iterator[tuple[Sending, dict[str, Any]]]:
    wish = Wish(users=12, calls=0, rate=rate, seed=5)
    for sending in islice(sendings(wish, plan_for(wish, NOW_MS)), rate * seconds):
        yield sending, json.loads(sending.value)


def test_endless_calls_run_in_real_time() -> None:
    late_ms = []
    for sending, event in live(6, 1_200):
        time_ms = round(datetime.fromisoformat(event["time"]).timestamp() * 1_000)
        assert sending.at_us >= time_ms * 1_000
        late_ms.append(sending.at_us // 1_000 - time_ms)
    in_time = [late for late in late_ms if late < DAY_MS / 2]
    assert sorted(in_time)[len(in_time) * 9 // 10] < 20_000
    assert sending.at_us - NOW_MS * 1_000 < 1_300 * 1_000_000


def test_the_demo_user_always_has_calls_going() -> None:
    going: set[str] = set()
    seen_going = []
    for number, (_, event) in enumerate(live(6, 1_200)):
        data = event["data"]
        if event["type"] == "call.started" and data["userId"] == DEMO_USER:
            going.add(data["callId"])
        if event["type"] == "call.ended":
            going.discard(data["callId"])
        if number:
            seen_going.append(len(going))
    assert min(seen_going) >= 1


def test_disturbances_leave_good_events_as_they_are() -> None:
    plain = Wish(users=9, calls=50, rate=0, seed=2, start_ms=NOW_MS - 2 * DAY_MS)
    rough = Wish(
        users=9, calls=50, rate=0, seed=2, start_ms=NOW_MS - 2 * DAY_MS,
        repeats=1_000, malformed=300, shuffle_minutes=600,
    )  # fmt: skip
    quiet, loud = everything(plain), everything(rough)
    assert {one.value for one in quiet} == {one.value for one in loud if one.good}
    values = Counter(one.value for one in loud if one.good)
    assert 0.05 < sum(count - 1 for count in values.values()) / len(quiet) < 0.15
    assert 0.02 < sum(not one.good for one in loud) / len(quiet) < 0.04
    assert [one.at_us for one in loud] == sorted(one.at_us for one in loud)
    assert [one.value for one in loud if one.good] != [one.value for one in quiet]


def test_odd_calls_lose_a_cost_or_pay_too_much_and_nothing_else_changes() -> None:
    wish = Wish(users=5, calls=60, rate=0, seed=3, start_ms=1_700_000_000_000)
    plan = plan_for(wish, 1_800_000_000_000)
    usual = {(e["source"], e["id"]): e for e in map(_event, sendings(wish, plan))}
    odd = {
        (e["source"], e["id"]): e
        for e in map(_event, sendings(replace(wish, odd_calls=5_000), plan))
    }
    lost = {usual[key]["data"]["callId"] for key in usual.keys() - odd.keys()}
    dear = {odd[key]["data"]["callId"] for key in odd if odd[key] != usual[key]}
    assert odd.keys() <= usual.keys()
    assert 5 < len(lost) < 25
    assert 5 < len(dear) < 25
    assert not lost & dear
    assert {usual[key]["data"]["service"] for key in usual.keys() - odd.keys()} == {"twilio"}
    for key, event in odd.items():
        if event != usual[key]:
            assert event["data"].pop("usage") == 25 * usual[key]["data"].pop("usage")
            assert event == usual[key]


def _event(sending: Sending) -> Any:
    return json.loads(sending.value)
