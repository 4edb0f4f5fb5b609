"""Paged lists: no row is missing or repeated, whatever is written meanwhile."""

from base64 import urlsafe_b64encode
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest

from tests.support import events
from tests.support.api import ApiClient, served_from, token
from tests.support.events import Plain
from tests.support.ledger_rows import CENT, LedgerRowWriter, LiveCallRow, rows
from tests.support.recorded_events import record, tts

NOW = datetime(2025, 11, 19, 12, tzinfo=UTC)
CALLS = "/api/costs/user/alice/calls"
EVENTS = "/api/costs/call/call-1/events"


@pytest.fixture
async def ledger(database_url: str) -> AsyncIterator[LedgerRowWriter]:
    async with rows(database_url) as ledger:
        yield ledger


@pytest.fixture
async def api(database_url: str) -> AsyncIterator[ApiClient]:
    async with served_from(database_url, today=NOW.date()) as api:
        yield api


def call(name: str, hours_ago: int = 0, **changes: Any) -> LiveCallRow:
    at = NOW - timedelta(hours=hours_ago)
    return LiveCallRow(**{"call_id": name, "user_id": "alice", "at": at, **changes})


async def listed(api: ApiClient, query: str = "", path: str = CALLS) -> list[dict[str, Any]]:
    """Return all rows of a list, page by page."""
    found: list[dict[str, Any]] = []
    following: str | None = ""
    while following is not None:
        page = (await api.get(f"{path}?limit=3&cursor={following}&{query}", "alice")).data
        part = page["calls" if path == CALLS else "events"]
        assert len(part) == 3 or page["nextCursor"] is None
        found += part
        following = page["nextCursor"]
    return found


async def names(api: ApiClient, query: str = "") -> list[str]:
    return [call["callId"] for call in await listed(api, query)]


async def test_listed_call_has_all_fields(api: ApiClient, ledger: LedgerRowWriter) -> None:
    await ledger.call(call("one", refunded=CENT, estimated_count=1, tags={"team": "sales"}))
    await ledger.call(call("bobs", user_id="bob"))
    page = (await api.get(CALLS, "alice")).data
    assert (page["userId"], page["nextCursor"]) == ("alice", None)
    [listed_call] = page["calls"]
    assert listed_call | {"costByService": None} == {
        "callId": "one",
        "userId": "alice",
        "personaId": "brad_001",
        "tags": {"team": "sales"},
        "status": "completed",
        "duration_seconds": 300,
        "totalCost": Decimal("0.9"),
        "costByService": None,
        "chargedToUser": Decimal("4.99"),
        "refunded": Decimal("0.01"),
        "grossProfit": Decimal("4.08"),
        "grossMarginPercent": "81.76%",
        "estimated": True,
        "createdAt": "2025-11-19T12:00:00Z",
        "calculatedAt": "2025-11-19T12:00:00Z",
        "startedAt": "2025-11-19T12:00:00Z",
        "endedAt": "2025-11-19T12:00:00Z",
        "unpricedEvents": 0,
        "chargePlan": None,
        "endedByLimit": None,
    }
    assert sum(listed_call["costByService"].values()) == listed_call["totalCost"]


async def test_pages_hold_each_call_once_newest_first_then_by_id(
    api: ApiClient, ledger: LedgerRowWriter
) -> None:
    for number in range(10):
        await ledger.call(call(f"call-{number}", hours_ago=number // 4))
    assert await names(api) == [f"call-{number}" for number in range(10)]


async def test_cursor_resumes_despite_new_calls(api: ApiClient, ledger: LedgerRowWriter) -> None:
    for number in range(6):
        await ledger.call(call(f"call-{number}", hours_ago=number))
    first = (await api.get(f"{CALLS}?limit=3", "alice")).data
    await ledger.call(call("newer"))
    await ledger.call(call("between", hours_ago=3))
    second = (await api.get(f"{CALLS}?limit=3&cursor={first['nextCursor']}", "alice")).data
    shown = [call["callId"] for call in [*first["calls"], *second["calls"]]]
    assert shown == ["call-0", "call-1", "call-2", "between", "call-3", "call-4"]


async def test_calls_are_filtered(api: ApiClient, ledger: LedgerRowWriter) -> None:
    await ledger.call(call("brad", status="active"))
    await ledger.call(call("sarah", 24, persona_id="sarah_001", status="failed"))
    await ledger.call(call("unnamed", 48, persona_id=None))
    assert await names(api, "status=completed") == ["unnamed"]
    assert await names(api, "status=active&personaId=brad_001") == ["brad"]
    assert await names(api, "status=active&personaId=sarah_001") == []
    assert await names(api, "personaId=unknown") == ["unnamed"]
    assert await names(api, "startDate=2025-11-18") == ["brad", "sarah"]
    assert await names(api, "endDate=2025-11-18") == ["sarah", "unnamed"]
    assert await names(api, "startDate=2025-11-18&endDate=2025-11-18") == ["sarah"]
    assert await names(api, "startDate=0001-01-01&endDate=9999-12-31") == [
        "brad",
        "sarah",
        "unnamed",
    ]


def cursor_of(position: str) -> str:
    return urlsafe_b64encode(position.encode()).decode().rstrip("=")


@pytest.mark.parametrize(
    ("query", "named"),
    [
        ("limit=0", "limit"),
        ("limit=101", "limit"),
        ("limit=ten", "limit"),
        ("limit=1&limit=2", "limit"),
        ("limit=%C2%B2", "limit"),
        ("status=done", "status"),
        ("personaId=", "personaId"),
        ("personaId=%00", "personaId"),
        ("startDate=someday", "startDate"),
        ("startDate=2025-11-19&endDate=2025-11-18", "endDate"),
        ("cursor=~", "cursor"),
        ("cursor=%C3%BC", "cursor"),
        (f"cursor={'A' * 2040}", "cursor"),
        *(
            (f"cursor={cursor_of(text)}", "cursor")
            for text in (
                "[1]",
                "[1, 2]",
                "[1e99, 2]",
                '[99999999999999999999, "x"]',
                '[1, ""]',
                '[1, "\\u0000"]',
                "[" * 1200,
            )
        ),
    ],
)
async def test_invalid_parameter_is_named(api: ApiClient, query: str, named: str) -> None:
    response = await api.get(f"{CALLS}?{query}", "alice")
    assert (response.status, response.code) == (400, "invalid_parameter")
    assert f"`{named}`" in response.json["error"]


async def test_cursor_of_another_user_shows_no_foreign_calls(
    api: ApiClient, ledger: LedgerRowWriter
) -> None:
    """With any cursor users see their own rows only."""
    for user in ("alice", "bob"):
        for number in range(2):
            await ledger.call(call(f"{user}-{number}", number, user_id=user))
    page = await api.get("/api/costs/user/bob/calls?limit=1", "bob")
    cursor = page.data["nextCursor"]
    seen = (await api.get(f"{CALLS}?cursor={cursor}", "alice")).data["calls"]
    assert [call["callId"] for call in seen] == ["alice-1"]
    not_an_event = await api.get(f"{EVENTS}?cursor={cursor}", "alice")
    assert not_an_event.code == "invalid_parameter"


def all_events() -> list[Plain]:
    """A call with every type of event, its first event arriving last."""
    at = events.NOW
    wrong = tts(usage=9_000, time=at + timedelta(seconds=3))
    return [
        events.cost(usage=5, metadata={"sid": "CA1"}, time=at + timedelta(seconds=1)),
        tts(totalCost="0.123", estimated=True, time=at + timedelta(seconds=2)),
        wrong,
        events.voided(wrong, time=at + timedelta(seconds=4)),
        events.ended(time=at + timedelta(minutes=5)),
        events.refunded(time=at + timedelta(minutes=6)),
        events.started(time=at),
    ]


async def test_events_of_a_call_are_ordered_by_time(database_url: str, api: ApiClient) -> None:
    for event in all_events():
        await record(database_url, [event])
    content = await listed(api, path=EVENTS)
    kinds = [event["type"] for event in content]
    assert sorted(kinds[:2]) == ["call.settled", "call.started"]
    assert kinds[2:] == ["cost.recorded", "cost.recorded", "cost.recorded", "cost.voided",
                         "call.ended", "call.refunded"]  # fmt: skip
    settled = next(event for event in content if event["type"] == "call.settled")
    decision = settled["data"]
    fee = {"stripe": decision["defaultFee"]}
    assert decision["infrastructure"] | fee == settled["costByService"]
    assert decision["defaultCharge"] == settled["amount"] == Decimal("4.99")
    first, voided, void = content[2], content[4], content[5]
    assert first["data"] == {"sid": "CA1"}
    assert (first["usage"], first["unit"], first["totalCost"]) == (5, "minutes", Decimal("0.07"))
    assert first["costByService"] == {"twilio": Decimal("0.07")}
    assert [event["voided"] for event in content] == [event is voided for event in content]
    assert void["voids"] == {"source": voided["source"], "id": voided["id"]}


async def test_events_of_a_call_add_up_to_its_total(database_url: str, api: ApiClient) -> None:
    for event in all_events():
        await record(database_url, [event])
    content = await listed(api, path=EVENTS)
    whole = (await api.get("/api/costs/call/call-1", "alice")).data
    services: dict[str, Decimal] = {}
    for event in content:
        assert sum(event["costByService"].values()) == event["totalCost"]
        for service, cost in event["costByService"].items() if not event["voided"] else ():
            services[service] = services.get(service, Decimal(0)) + cost
    assert services == {name: cost for name, cost in whole["costByService"].items() if cost}
    paid = sum(
        event["amount"] for event in content if event["type"] in {"call.charged", "call.settled"}
    )
    assert paid == whole["chargedToUser"] == Decimal("4.99")


async def test_only_the_owner_sees_the_events_of_a_call(
    database_url: str, api: ApiClient, ledger: LedgerRowWriter
) -> None:
    await record(database_url, all_events())
    held = call("held", user_id=None)
    await ledger.call(held)
    assert (await api.get(EVENTS, "bob")).body == (await api.get(CALLS, "bob")).body
    for path in ("/api/costs/call/none/events", "/api/costs/call/held/events"):
        assert (await api.get(path, "alice")).code == "forbidden"
    admin = token("root", role="admin")
    assert len((await api.ask("GET", EVENTS, bearer=admin)).data["events"]) == 8
    assert (await api.ask("GET", CALLS, bearer=admin)).data["calls"][0]["callId"] == "call-1"
