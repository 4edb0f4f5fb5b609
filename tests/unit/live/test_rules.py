"""The rules of the live feed: projection, state, outbox, frames and messages."""

import asyncio
import json
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import cast

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from api.live.alerts import AGE_SECONDS_MAX, AlertReader
from api.live.frames import pong_frame, text_frame
from api.live.socket_outbox import ALERTS_MAX, CALL_INTERVAL_NS, SocketOutbox
from api.live.state import CallVersion, LiveCalls, read_head
from api.live.usual_calls import UsualCalls
from api.live.view import CallViews, live_call
from ledger.calls.call import Call
from ledger.calls.charging import ExpectedCall
from ledger.calls.totals import call_total
from ledger.charge_plans.plans import CallKind
from ledger.live.calls import LiveStore
from ledger.live.usual_calls import PersonaCalls
from ledger.prices.catalogue import Catalogue
from schemas.exact import Exact
from schemas.jsonio import encode
from schemas.money import Usd
from tests.support.charge_plans import SamplePlan, stored_plans
from tests.support.prices import catalogue
from tests.unit.live.test_usual_calls import sums_of

NOW = datetime(2026, 3, 15, 12, tzinfo=UTC)
SECOND_NS = 1_000_000_000


def total(call_id: str = "c1", version: int = 1, user: str = "alice", **more: object) -> bytes:
    """Return a published total."""
    at = cast(datetime, more.pop("updated_at", NOW))
    call = Call(call_id=call_id, user_id=user, version=version, first_at=NOW, **more)  # type: ignore[arg-type]
    return encode(call_total(call, at))


def state(call_id: str = "c1", version: int = 1) -> CallVersion:
    text = total(call_id, version)
    head = read_head(text)
    return CallVersion(head.call_id, head, text)


# Frames


@given(st.binary(max_size=300) | st.sampled_from([b"x" * n for n in (125, 126, 65_535, 65_536)]))
def test_frames_have_their_length(text: bytes) -> None:
    frame = text_frame(text)
    assert frame[0] == 0x81
    length, head = frame[1], 2
    if length == 126:
        length, head = int.from_bytes(frame[2:4]), 4
    elif length == 127:
        length, head = int.from_bytes(frame[2:10]), 10
    assert (length, frame[head:]) == (len(text), text)
    assert head == (2 if len(text) < 126 else 4 if len(text) < 65_536 else 10)
    assert pong_frame(b"abc") == b"\x8a\x03abc"


# State


@given(st.lists(st.tuples(st.sampled_from("abc"), st.integers(1, 6), st.booleans()), max_size=40))
def test_versions_only_rise_in_any_order_of_states(
    arrivals: list[tuple[str, int, bool]],
) -> None:
    calls = LiveCalls(calls_max=2, now=lambda: NOW)
    newest: dict[str, int] = {}
    for call_id, version, over in arrivals:
        status = "completed" if over else "active"
        change = calls.apply(total(call_id, version, status=status))
        assert (change is not None) is (version > newest.get(call_id, 0))
        newest[call_id] = max(version, newest.get(call_id, 0))
        assert calls.version(call_id) == newest[call_id]
        assert len(calls) <= 2
        assert {held.call_id for held in calls.of_user("alice")} == {h.call_id for h in calls}


def test_ended_call_stays_for_a_while_and_does_not_return() -> None:
    clock = [0]
    calls = LiveCalls(grace_seconds=30, clock_ns=lambda: clock[0], now=lambda: NOW)
    calls.apply(total("over", 5, status="completed"))
    calls.apply(total("on", 1))
    clock[0] = 29 * SECOND_NS
    calls.drop_ended()
    assert {held.call_id for held in calls} == {"over", "on"}
    clock[0] = 31 * SECOND_NS
    calls.drop_ended()
    assert [held.call_id for held in calls] == ["on"]
    assert calls.apply(total("over", 4)) is None
    assert calls.apply(total("over", 6, status="completed")) is not None


def test_ended_and_oldest_calls_are_evicted_first() -> None:
    calls = LiveCalls(calls_max=2, now=lambda: NOW)
    for text in (total("a"), total("b", status="completed"), total("c")):
        calls.apply(text)
    assert [held.call_id for held in calls] == ["a", "c"]
    calls.apply(total("a", 2))
    calls.apply(total("d"))
    assert [held.call_id for held in calls] == ["a", "d"]


def test_call_unchanged_for_a_day_is_not_active() -> None:
    calls = LiveCalls(now=lambda: NOW)
    assert calls.apply(total(updated_at=NOW - timedelta(hours=25))) is None
    assert calls.apply(total(updated_at=NOW - timedelta(hours=23))) is not None


def test_call_with_a_new_owner_is_removed_from_the_old_one() -> None:
    calls = LiveCalls(now=lambda: NOW)
    calls.apply(total(user="alice"))
    calls.apply(total(user="bob", version=2))
    assert (calls.of_user("alice"), len(calls.of_user("bob"))) == ([], 1)


# Outbox of a socket


def frames_due(outbox: SocketOutbox, now_ns: int, bytes_max: int = 10**9) -> list[bytes]:
    return outbox.take(now_ns, lambda s: f"{s.call_id}{s.version}".encode(), bytes_max)[0]


def test_newest_state_is_sent_at_most_ten_times_a_second() -> None:
    outbox, frames = SocketOutbox(), []
    for millisecond in range(1_000):
        outbox.put(state("a", millisecond + 1))
        frames += frames_due(outbox, millisecond * 1_000_000)
    assert len(frames) == 10
    assert frames_due(outbox, CALL_INTERVAL_NS * 10) == [b"a1000"]
    assert len(outbox) == 0


@given(
    st.lists(st.tuples(st.sampled_from("abc"), st.integers(1, 9), st.integers(0, 300)), max_size=50)
)
def test_socket_versions_rise_and_end_with_the_newest(
    steps: list[tuple[str, int, int]],
) -> None:
    outbox, now_ns = SocketOutbox(), 0
    sent_versions: dict[str, list[int]] = {}
    newest: dict[str, int] = {}
    for call_id, version, wait_ms in [*steps, *(("a", 1, 1_000),) * 2]:
        now_ns += wait_ms * 1_000_000
        outbox.put(state(call_id, version))
        newest[call_id] = max(version, newest.get(call_id, 0))
        for frame in frames_due(outbox, now_ns):
            sent_versions.setdefault(chr(frame[0]), []).append(int(frame[1:]))
    for versions in sent_versions.values():
        assert versions == sorted(set(versions))
    assert {call_id: versions[-1] for call_id, versions in sent_versions.items()} == newest


def test_slow_socket_gets_the_longest_waiting_first() -> None:
    outbox = SocketOutbox()
    for name in "abcde":
        outbox.put(state(name))
    assert frames_due(outbox, 0, bytes_max=3) == [b"a1", b"b1"]
    outbox.put(state("a", 2))
    assert frames_due(outbox, CALL_INTERVAL_NS, bytes_max=7) == [b"c1", b"d1", b"e1", b"a2"]


def test_alerts_keep_order_and_only_the_newest_budget_is_sent() -> None:
    outbox = SocketOutbox()
    for number in range(ALERTS_MAX + 5):
        outbox.put_alert(b"alert %d" % number)
        outbox.put_budget(b"budget %d" % number)
    frames = frames_due(outbox, 0)
    assert frames[0] == b"alert 5"
    assert frames[-2:] == [b"alert 68", b"budget 68"]
    assert len(frames) == ALERTS_MAX + 1
    assert not outbox


def test_old_sent_versions_are_dropped() -> None:
    outbox = SocketOutbox()
    calls = [state(f"c{number}") for number in range(50_000)]
    for number, call in enumerate(calls):
        outbox.put(call)
        frames_due(outbox, number * SECOND_NS)
    for call in calls:
        outbox.put(call)  # waits again only where the outbox has forgotten that it was sent
    assert len(calls) - 3_000 < len(outbox) < len(calls)


# Messages of a call


def test_live_call_agrees_with_its_total() -> None:
    expectations = UsualCalls(cast(LiveStore, None))
    call = Call(
        call_id="c1", user_id="alice", persona_id="brad", version=3, first_at=NOW, started_at=NOW,
        expected_duration_ms=120_000,
        costs={"2026-03-15": {"twilio": 500, "raindrop": 20}},
    )  # fmt: skip
    later = NOW + timedelta(seconds=60)
    result = live_call(call_total(call, later), expectations, later + timedelta(milliseconds=1500))
    assert result.elapsed_seconds == Exact(Decimal("61.5"))
    assert (result.total_cost, result.projected_cost) == (Usd(520), Usd(1_020))
    assert result.projection is not None
    assert (result.projection.low, result.projection.high) == (Usd(520), Usd(1_520))
    views = CallViews(expectations, now=lambda: later)
    text = encode(call_total(call, later))
    held = CallVersion("call-1", read_head(text), text)
    frame = views.frame(held)
    assert views.frame(held) is frame
    message = json.loads(frame[4:])
    assert message["call"].keys() >= {"callId", "elapsed_seconds", "projectedCost"}
    call.status, call.duration_ms = "completed", 90_250
    result = live_call(call_total(call, later), expectations, later + timedelta(hours=1))
    assert result.elapsed_seconds == Exact(Decimal("90.25"))
    assert (result.projected_cost, result.projection) == (result.total_cost, None)


def test_unknown_persona_is_queried_once() -> None:
    queries: list[list[str]] = []

    class FakeStore:
        async def usual_calls(
            self, personas: list[str], once_services: frozenset[str]
        ) -> dict[str, PersonaCalls]:
            assert once_services == {"raindrop"}
            queries.append(sorted(personas))
            sums = [sums_of(name, [60_000, 60_000]) for name in (None, "alice")]
            return {"brad": PersonaCalls.of(1, sums)}

        async def once_services(self) -> frozenset[str]:
            return frozenset({"raindrop"})

        async def charge_prices(self) -> Catalogue:
            plan = SamplePlan("per_minute", "2", user="bob")
            return catalogue(plans=stored_plans([plan]))

    async def ask() -> None:
        expectations = UsualCalls(cast(LiveStore, FakeStore()))
        assert expectations.usual(None, "alice") is None
        assert expectations.usual("brad", "alice") is None
        assert expectations.usual("new", "alice") is None
        await expectations.refresh()
        usual = expectations.usual("brad", "alice")
        assert usual is not None
        assert usual.duration_ms == 60_000
        assert expectations.usual("brad", "bob") is None
        assert expectations.usual("new", "alice") is None
        assert expectations.once_services == {"raindrop"}
        expected = [
            ExpectedCall(CallKind(user, None, {}), duration_ms=60_000, cost_nano=0)
            for user in ("alice", "bob")
        ]
        assert [expectations.fee_nano(call, NOW) for call in expected] == [444_710_000, 358_000_000]
        await expectations.refresh()
        await expectations.refresh()
        assert queries == [["brad", "new"], ["brad", "new"], []]

    asyncio.run(ask())


# Alerts


def test_alerts_in_both_modes_pass_unchanged() -> None:
    reader = AlertReader()
    data = b'{"userId": "alice", "limit_usd": 0.1000, "x": [1e400]}'
    alert = reader.read(b'{"id": "1", "source": "s", "data": %s}' % data, (), 0)
    assert alert is not None
    assert (alert.user_id, alert.text) == ("alice", b'{"type":"alert","alert":%s}' % data)
    headers = [("ce_id", b"2"), ("ce_source", b"s")]
    alert = reader.read(data, headers, 0)
    assert alert is not None
    assert alert.user_id == "alice"
    assert reader.read(data, headers, 0) is None
    assert reader.read(data, [("ce_id", b"3"), ("ce_source", b"s")], AGE_SECONDS_MAX + 1) is None


@pytest.mark.parametrize(
    "value", [b"", b"{}", b'{"id":"1","source":"s"}', b'{"id":"1","source":"s","data":[]}',
              b'{"id":"1","source":"s","data":{"userId":null}}'],
)  # fmt: skip
def test_record_without_a_user_is_not_an_alert(value: bytes) -> None:
    with pytest.raises(msgspec.DecodeError):
        AlertReader().read(value, (), 0)
