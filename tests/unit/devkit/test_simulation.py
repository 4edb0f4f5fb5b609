"""Simulated calls: reproducible, realistic, and never in the future."""

import json
from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from itertools import accumulate, islice, pairwise
from typing import Any

import pytest

from devkit.simulation.participants import DEMO_USER, PERSONAS, user_id
from devkit.simulation.planning import AGE_DAYS_MAX, SimulationRequest, plan_for, scheduled_records
from devkit.simulation.timeline import SimulationPlan, timeline
from devkit.simulation.wire import ScheduledRecord
from schemas.cloudevents import Window, decode
from schemas.events import CallEnded, CostRecorded, CostVoided, Event

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
NOW_MS = int(NOW.timestamp()) * 1_000
DAY_MS = 86_400_000


def everything(request: SimulationRequest) -> list[ScheduledRecord]:
    return list(scheduled_records(request, plan_for(request, NOW_MS)))


def decoded(stream: list[ScheduledRecord]) -> list[Event]:
    window = Window.around(NOW)
    return [decode(sending.value, (), window) for sending in stream if sending.is_valid]


@pytest.fixture(scope="module")
def events() -> list[Event]:
    """Return a day of calls of some users."""
    return decoded(everything(SimulationRequest(users=30, calls=400, rate=0, seed=7)))


def test_same_request_gives_the_same_bytes() -> None:
    request = SimulationRequest(
        users=5, calls=20, rate=0, seed=3, repeats=500, malformed=500, shuffle_minutes=30
    )
    assert everything(request) == everything(request)
    other = SimulationRequest(
        users=5, calls=20, rate=0, seed=4, repeats=500, malformed=500, shuffle_minutes=30
    )
    assert not {one.value for one in everything(request)} & {one.value for one in everything(other)}


def test_later_start_gives_other_identities() -> None:
    plan = SimulationPlan(seed=3, users=5, calls=10, start_ms=NOW_MS, spacing_us=1_000)
    later = SimulationPlan(seed=3, users=5, calls=10, start_ms=NOW_MS + 1, spacing_us=1_000)
    first, second = ({event.id for event in decoded(list(timeline(one)))} for one in (plan, later))
    assert not first & second


def test_identities_are_lower_case_version_7_uuids_of_their_time(events: list[Event]) -> None:
    assert len({event.identity for event in events}) == len(events)
    for event in events[:500]:
        assert event.id == event.id.lower()
        assert (len(event.id), event.id[14]) == (36, "7")
        assert event.id[19] in "89ab"
        assert int(event.id.replace("-", "")[:12], 16) == round(event.time.timestamp() * 1_000)


def test_every_type_of_event_occurs(events: list[Event]) -> None:
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


def test_voids_name_costs_of_the_same_call(events: list[Event]) -> None:
    recorded = {(event.source, event.id): event.data.call_id for event in events}
    voids = [event.data for event in events if isinstance(event.data, CostVoided)]
    assert voids
    for void in voids:
        assert recorded[void.voids.source, void.voids.id] == void.call_id


def test_calls_are_distributed_among_users(events: list[Event]) -> None:
    users = Counter(event.data.user_id for event in events if event.type == "call.started")
    assert users[DEMO_USER] > 20
    assert 20 < len(users) <= 30
    assert len({user_id(index) for index in range(100)}) == 100


def test_some_calls_are_reported_a_day_late() -> None:
    stream = everything(SimulationRequest(users=30, calls=400, rate=1_000, seed=7))
    started = [event for event in decoded(stream) if event.type == "call.started"]
    late = [one for one in started if (NOW - one.time).total_seconds() > 80_000]
    assert 0 < len(late) < 20
    assert DEMO_USER not in {one.data.user_id for one in late}


@pytest.mark.parametrize("rate", [0, 20, 5_000])
@pytest.mark.parametrize("calls", [1, 3, 150])
def test_requested_number_of_calls_is_in_the_past(rate: int, calls: int) -> None:
    stream = decoded(everything(SimulationRequest(users=9, calls=calls, rate=rate, seed=1)))
    assert max(event.time for event in stream) <= NOW
    assert len({event.data.call_id for event in stream}) == calls


def test_rate_is_exact() -> None:
    stream = everything(SimulationRequest(users=9, calls=150, rate=500, seed=1))
    gaps = {after.at_us - before.at_us for before, after in pairwise(stream)}
    assert gaps == {2_000}


def live(rate: int, seconds: int) -> Iterator[tuple[ScheduledRecord, dict[str, Any]]]:
    request = SimulationRequest(users=12, calls=0, rate=rate, seed=5)
    for sending in islice(scheduled_records(request, plan_for(request, NOW_MS)), rate * seconds):
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


def test_demo_user_always_has_active_calls() -> None:
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


def test_disturbances_leave_valid_events_unchanged() -> None:
    plain = SimulationRequest(users=9, calls=50, rate=0, seed=2, start_ms=NOW_MS - 2 * DAY_MS)
    rough = SimulationRequest(
        users=9, calls=50, rate=0, seed=2, start_ms=NOW_MS - 2 * DAY_MS,
        repeats=1_000, malformed=300, shuffle_minutes=600,
    )  # fmt: skip
    quiet, loud = everything(plain), everything(rough)
    assert {one.value for one in quiet} == {one.value for one in loud if one.is_valid}
    values = Counter(one.value for one in loud if one.is_valid)
    assert 0.05 < sum(count - 1 for count in values.values()) / len(quiet) < 0.15
    assert 0.02 < sum(not one.is_valid for one in loud) / len(quiet) < 0.04
    assert [one.at_us for one in loud] == sorted(one.at_us for one in loud)
    assert [one.value for one in loud if one.is_valid] != [one.value for one in quiet]


def test_anomalous_calls_differ_in_one_cost_only() -> None:
    request = SimulationRequest(users=5, calls=60, rate=0, seed=3, start_ms=1_700_000_000_000)
    plan = plan_for(request, 1_800_000_000_000)
    usual = {(e["source"], e["id"]): e for e in map(_event, scheduled_records(request, plan))}
    odd = {
        (e["source"], e["id"]): e
        for e in map(_event, scheduled_records(replace(request, odd_calls=5_000), plan))
    }
    lost = {usual[key]["data"]["callId"] for key in usual.keys() - odd.keys()}
    expensive = {odd[key]["data"]["callId"] for key in odd if odd[key] != usual[key]}
    assert odd.keys() <= usual.keys()
    assert 5 < len(lost) < 25
    assert 5 < len(expensive) < 25
    assert not lost & expensive
    assert {usual[key]["data"]["service"] for key in usual.keys() - odd.keys()} == {"twilio"}
    for key, event in odd.items():
        if event != usual[key]:
            assert event["data"].pop("usage") == 25 * usual[key]["data"].pop("usage")
            assert event == usual[key]


PAST = SimulationRequest(users=12, calls=330, rate=0, seed=11, past_days=45, repeats=100)


def begun(request: SimulationRequest) -> list[tuple[datetime, str]]:
    """Return the start of each call of a past, as reported, and its user."""
    first = {
        event.data.call_id: event
        for event in decoded(everything(replace(request, repeats=0)))
        if event.type == "call.started"
    }
    return [(one.time, one.data.user_id or "") for one in first.values()]


def test_past_is_reproducible_at_any_rate() -> None:
    assert everything(PAST) == everything(PAST)
    paced = everything(replace(PAST, rate=1_000, repeats=0))
    assert [one.value for one in paced] == [
        one.value for one in everything(replace(PAST, repeats=0))
    ]
    assert {after.at_us - before.at_us for before, after in pairwise(paced)} == {1_000}
    start_ms = plan_for(PAST, NOW_MS).start_ms
    later = plan_for(replace(PAST, start_ms=start_ms), NOW_MS + DAY_MS)
    assert list(scheduled_records(PAST, later)) == everything(PAST)
    others = {one.value for one in everything(replace(PAST, seed=12))}
    assert not {one.value for one in everything(PAST)} & others


@pytest.mark.parametrize("days", [1, 2, 45, 366])
@pytest.mark.parametrize("calls", [1, 7, 330])
def test_past_calls_are_within_the_requested_days(days: int, calls: int) -> None:
    events = decoded(everything(replace(PAST, past_days=days, calls=calls)))
    assert len({event.data.call_id for event in events}) == calls
    assert max(event.time for event in events) <= NOW
    # An event that is reported a day late may have happened a day before.
    assert min(event.time for event in events) >= NOW - timedelta(days=days + 1)


def test_past_is_sent_in_order_of_reporting() -> None:
    reported = [event.time for event in decoded(everything(replace(PAST, repeats=0)))]
    behind = [(latest - time).total_seconds() for latest, time in zip(
        accumulate(reported, max), reported, strict=True
    )]  # fmt: skip
    assert sum(late > 120 for late in behind) < len(behind) / 50
    assert max(behind) <= 86_400 + 120


def test_past_has_a_weekly_rhythm_and_half_its_calls_are_the_demo_users() -> None:
    calls = begun(PAST)
    assert sum(user == DEMO_USER for _, user in calls) == 165
    assert len({user for _, user in calls}) > 8
    demo = Counter(time.date() for time, user in calls if user == DEMO_USER)
    whole = [(NOW - timedelta(days=back)).date() for back in range(1, 45)]
    assert all(3 <= demo[day] <= 7 for day in whole if day.weekday() < 5)
    assert all(1 <= demo[day] <= 3 for day in whole if day.weekday() >= 5)


@pytest.mark.parametrize("seed", range(5))
def test_past_includes_a_day_that_just_started(seed: int) -> None:
    midnight_ms = NOW_MS - DAY_MS // 2
    request = replace(PAST, seed=seed)
    events = map(_event, scheduled_records(request, plan_for(request, midnight_ms + 30 * 60_000)))
    started = [event for event in events if event["type"] == "call.started"]
    today = Counter(one["data"]["userId"] for one in started if one["time"] >= "2026-03-01")
    assert 1 <= today[DEMO_USER] <= 3


def test_past_of_one_user_belongs_to_the_demo_user() -> None:
    assert {user for _, user in begun(replace(PAST, users=1, calls=20))} == {DEMO_USER}


def test_past_in_the_future_or_too_old_is_refused() -> None:
    with pytest.raises(ValueError, match="45 days after --start are not over"):
        plan_for(replace(PAST, start_ms=NOW_MS - 45 * DAY_MS + 1), NOW_MS)
    oldest_ms = NOW_MS - AGE_DAYS_MAX * DAY_MS
    with pytest.raises(ValueError, match="more than 398 days ago"):
        plan_for(replace(PAST, start_ms=oldest_ms - 1), NOW_MS)
    oldest = replace(PAST, start_ms=oldest_ms)
    assert decoded(list(scheduled_records(oldest, plan_for(oldest, NOW_MS))))


def _event(sending: ScheduledRecord) -> Any:
    return json.loads(sending.value)
