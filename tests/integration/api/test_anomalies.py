"""Lists of anomalies: a user's own, those of all users for admins, paged."""

from collections.abc import AsyncIterator
from datetime import timedelta
from decimal import Decimal

import pytest

from tests.support.anomalies import (
    DAY,
    MINUTE,
    NOW,
    USD,
    check_for_anomalies,
    row,
    write_calls,
    write_history,
)
from tests.support.api import ApiClient, served_from, token
from tests.support.recording import fetch

OWN = "/api/costs/user/alice/anomalies"
ALL_USERS = "/api/admin/costs/anomalies"
ADMIN = token("root", role="admin")


@pytest.fixture
async def written(database_url: str) -> str:
    """An expensive call and three calls without telephony of alice, one of bob."""
    await write_history(database_url)
    late = [row(f"lost-{n}", NOW - n * DAY - MINUTE, twilio=0) for n in range(3)]
    await write_calls(
        database_url,
        row("expensive", NOW - MINUTE, elevenlabs=5 * USD),
        *late,
        row("of-bob", NOW - DAY, "bob", twilio=0),
    )
    for call_id in ("expensive", "lost-0", "lost-1", "lost-2", "of-bob"):
        await check_for_anomalies(database_url, call_id, now=NOW + timedelta(hours=1))
    return database_url


@pytest.fixture
async def api(written: str) -> AsyncIterator[ApiClient]:
    async with served_from(written, today=NOW.date()) as api:
        yield api


async def test_anomaly_has_all_fields(api: ApiClient) -> None:
    body = (await api.get(OWN, "alice")).data
    assert body["nextCursor"] is None
    assert [one["callId"] for one in body["anomalies"]] == [
        "lost-0",
        "expensive",
        "lost-1",
        "lost-2",
    ]
    expensive = body["anomalies"][1]
    assert len(expensive.pop("anomalyId")) == 36
    assert expensive == {
        "userId": "alice",
        "kind": "call_spike",
        "service": "elevenlabs",
        "leg": None,
        "callId": "expensive",
        "day": "2026-03-15",
        "observed_usd": 5,
        "expected_usd": Decimal("0.5"),
        "score": 36,
        "comparedWith": "own_persona_calls",
        "comparedCount": 12,
        "message": (
            "ElevenLabs cost $1.00 per minute in this call, 10\N{MULTIPLICATION SIGN} the usual "
            "$0.10 in earlier calls with this persona."
        ),
        "occurredAt": "2026-03-15T11:59:00Z",
        "detectedAt": "2026-03-15T13:00:00Z",
        "resolvedAt": None,
        "savings_usd": None,
        "dismissal": None,
    }
    lost = body["anomalies"][0]
    assert (lost["leg"], lost["service"], lost["score"]) == ("telephony", None, None)


async def test_pages_are_complete_and_in_the_order_of_the_shown_time(api: ApiClient) -> None:
    seen, times, cursor = [], [], ""
    while True:
        page = (await api.get(f"{OWN}?limit=2{cursor}", "alice")).data
        seen += [one["callId"] for one in page["anomalies"]]
        times += [one["occurredAt"] for one in page["anomalies"]]
        if page["nextCursor"] is None:
            break
        cursor = f"&cursor={page['nextCursor']}"
    assert seen == ["lost-0", "expensive", "lost-1", "lost-2"]
    assert times == sorted(times, reverse=True)


@pytest.mark.parametrize(
    ("query", "calls"),
    [
        ("kind=call_spike", ["expensive"]),
        ("kind=missing_leg", ["lost-0", "lost-1", "lost-2"]),
        ("kind=day_spike", []),
        ("service=elevenlabs", ["expensive"]),
        ("service=telephony", []),
        ("startDate=2026-03-15", ["lost-0", "expensive"]),
        ("endDate=2026-03-14", ["lost-1", "lost-2"]),
        ("kind=missing_leg&startDate=2026-03-14&endDate=2026-03-14", ["lost-1"]),
    ],
)
async def test_anomalies_are_filtered(api: ApiClient, query: str, calls: list[str]) -> None:
    body = (await api.get(f"{OWN}?{query}", "alice")).data
    assert [one["callId"] for one in body["anomalies"]] == calls


@pytest.mark.parametrize(
    ("query", "named"),
    [
        ("kind=spike", "kind"),
        ("service=", "service"),
        ("limit=201", "limit"),
        ("limit=0", "limit"),
        ("cursor=abc", "cursor"),
        ("startDate=never", "startDate"),
        ("startDate=2026-03-02&endDate=2026-03-01", "endDate"),
        ("kind=missing_leg&kind=day_spike", "kind"),
        ("dismissed=maybe", "dismissed"),
        ("cursor=WzEsImEiXQ", "cursor"),
    ],
)
async def test_invalid_parameter_is_named(api: ApiClient, query: str, named: str) -> None:
    for path in (OWN, ALL_USERS):
        response = await api.ask("GET", f"{path}?{query}", bearer=ADMIN)
        assert (response.status, response.code) == (400, "invalid_parameter")
        assert f"`{named}`" in response.json["error"]


async def test_users_see_their_own_anomalies_and_admins_all(api: ApiClient) -> None:
    of_all_users = (await api.ask("GET", ALL_USERS, bearer=ADMIN)).data["anomalies"]
    assert [one["callId"] for one in of_all_users] == [
        "lost-0",
        "expensive",
        "of-bob",
        "lost-1",
        "lost-2",
    ]
    limited = (await api.ask("GET", f"{ALL_USERS}?limit=1&kind=missing_leg", bearer=ADMIN)).data
    assert limited["nextCursor"] is not None
    assert (await api.get(ALL_USERS, "alice")).status == 403
    assert (await api.get(OWN, "bob")).status == 403
    assert len((await api.ask("GET", OWN, bearer=ADMIN)).data["anomalies"]) == 4
    assert len((await api.get("/api/costs/user/bob/anomalies", "bob")).data["anomalies"]) == 1


async def test_resolved_anomaly_shows_when_it_was_resolved(api: ApiClient, written: str) -> None:
    await fetch(written, "UPDATE calls SET duration_ms = 1 WHERE call_id = 'lost-1'")
    await check_for_anomalies(written, "lost-1", now=NOW + timedelta(hours=2))
    found = (await api.get(f"{OWN}?kind=missing_leg", "alice")).data["anomalies"]
    resolved = {one["callId"]: one["resolvedAt"] for one in found}
    assert resolved == {"lost-0": None, "lost-1": "2026-03-15T14:00:00Z", "lost-2": None}
