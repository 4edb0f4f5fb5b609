"""A user's calls by a part of the id, by service, and in any order."""

import json
import time
from base64 import urlsafe_b64encode
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest

from ledger.postgres.statements import statements
from ledger.postgres.viewers import Viewer
from tests.support.api import ApiClient, served_from, token
from tests.support.ledger_rows import CENT, LedgerRowWriter, LiveCallRow, rows
from tests.support.parts import figures

NOW = datetime(2025, 11, 19, 12, tzinfo=UTC)
CALLS = "/api/costs/user/alice/calls"
ALICE, BOB, ROOT = Viewer("alice"), Viewer("bob"), Viewer("root", reads_all=True)
FIELDS = ("createdAt", "duration_seconds", "totalCost", "chargedToUser", "grossProfit")
ORDERS = [f"{sign}{field}" for field in FIELDS for sign in ("", "-")]
MANY = 10_000
SECONDS_MAX = 2.0
"""For a page of the list of many calls, on a busy machine."""


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


async def listed(api: ApiClient, query: str = "", limit: int = 3) -> list[dict[str, Any]]:
    """Return all calls of a list, page by page."""
    found: list[dict[str, Any]] = []
    following: str | None = ""
    while following is not None:
        page = (await api.get(f"{CALLS}?limit={limit}&cursor={following}&{query}", "alice")).data
        found += page["calls"]
        following = page["nextCursor"]
    return found


async def names(api: ApiClient, query: str) -> list[str]:
    return [one["callId"] for one in await listed(api, query)]


async def test_calls_are_found_by_a_part_of_their_id(
    api: ApiClient, ledger: LedgerRowWriter
) -> None:
    for number, name in enumerate(("CA-7f3b", "ca-99", "other", "a_b%c", "bobs-7f3b")):
        user = "bob" if name.startswith("bobs") else "alice"
        await ledger.call(call(name, number, user_id=user, status="failed" if number else "active"))
    assert await names(api, "q=7F3") == ["CA-7f3b"]
    assert await names(api, "q=ca-") == ["CA-7f3b", "ca-99"]
    assert await names(api, "q=ca-&status=failed") == ["ca-99"]
    assert await names(api, "q=ca-&sort=createdAt") == ["ca-99", "CA-7f3b"]
    assert await names(api, "q=_b%25") == ["a_b%c"]
    assert await names(api, "q=%25") == ["a_b%c"]
    assert await names(api, "q=missing") == []


async def test_calls_are_filtered_by_a_service_that_cost_something(
    api: ApiClient, ledger: LedgerRowWriter
) -> None:
    await ledger.call(call("phone", 1, costs={"twilio": CENT}))
    await ledger.call(call("both", 2, costs={"twilio": CENT, "elevenlabs": CENT}))
    await ledger.call(call("free", 3, costs={"elevenlabs": 0}))
    two_days = {"2025-11-18": {"twilio": CENT}, "2025-11-19": {"elevenlabs": CENT}}
    await ledger.call(call("late", 4, costs={}))
    await ledger.connection.execute(
        "UPDATE calls SET costs = $1 WHERE call_id = 'late'", json.dumps(two_days)
    )
    assert await names(api, "service=elevenlabs") == ["both", "late"]
    assert await names(api, "service=elevenlabs&sort=totalCost") == ["both", "late"]
    assert await names(api, "service=unheard-of") == []


@pytest.mark.parametrize("order", ORDERS)
async def test_any_order_has_each_call_once_page_by_page(
    api: ApiClient, ledger: LedgerRowWriter, order: str
) -> None:
    """Many calls have the same values, so that pages end among them."""
    for number in range(20):
        await ledger.call(
            call(
                f"call-{number:02}",
                hours_ago=number // 3,
                costs={"twilio": (number % 4) * CENT, "stripe": (number % 3) * CENT},
                charged=(number % 5) * CENT,
                refunded=(number % 2) * CENT,
                duration_ms=(number % 6) * 1_000,
            )
        )
    field, sign = order.removeprefix("-"), -1 if order.startswith("-") else 1

    def key(call: dict[str, Any]) -> tuple[Any, str]:
        value = call[field]
        if field == "createdAt":
            value = datetime.fromisoformat(value).timestamp()
        return sign * value, call["callId"]

    found = await listed(api, f"sort={order}")
    assert len(found) == 20
    assert found == sorted(found, key=key)


async def test_default_order_is_newest_first(api: ApiClient, ledger: LedgerRowWriter) -> None:
    for number in range(4):
        await ledger.call(call(f"call-{number}", hours_ago=number))
    newest = (await api.get(f"{CALLS}?limit=2", "alice")).data
    assert newest == (await api.get(f"{CALLS}?limit=2&sort=-createdAt", "alice")).data
    assert [one["callId"] for one in newest["calls"]] == ["call-0", "call-1"]


async def test_sums_beyond_a_bigint_are_sorted(api: ApiClient, ledger: LedgerRowWriter) -> None:
    most = 2**63 - 1
    for number in range(4):
        await ledger.call(call(f"call-{number}", costs={}))
        costs = json.dumps({"2025-11-19": {"a": most, "b": most, "c": number}})
        await ledger.connection.execute(
            "UPDATE calls SET costs = $2 WHERE call_id = $1", f"call-{number}", costs
        )
    assert await names(api, "sort=-totalCost") == ["call-3", "call-2", "call-1", "call-0"]
    [first, *_] = (await api.get(f"{CALLS}?sort=-totalCost", "alice")).data["calls"]
    assert first["totalCost"] == Decimal(2 * most + 3).scaleb(-9)


def encoded(content: str) -> str:
    return urlsafe_b64encode(content.encode()).decode().rstrip("=")


@pytest.mark.parametrize(
    ("query", "named"),
    [
        ("sort=cost", "sort"),
        ("sort=--totalCost", "sort"),
        ("sort=totalCost&sort=createdAt", "sort"),
        ("q=", "q"),
        ("q=%00", "q"),
        (f"q={'x' * 256}", "q"),
        ("service=", "service"),
        *(
            (f"sort=totalCost&cursor={encoded(text)}", "cursor")
            for text in (
                '[1, "call-1"]',
                '["-totalCost", 1, "call-1"]',
                '["totalCost", 1.5, "call-1"]',
                '["totalCost", 1, ""]',
                '["totalCost", 1' + "0" * 38 + ', "call-1"]',
                '["totalCost", 1' + "0" * 1000 + ', "call-1"]',
            )
        ),
        ("cursor=" + encoded('["totalCost", 1, "call-1"]'), "cursor"),
    ],
)
async def test_invalid_parameter_is_named(api: ApiClient, query: str, named: str) -> None:
    response = await api.get(f"{CALLS}?{query}", "alice")
    assert (response.status, response.code) == (400, "invalid_parameter")
    assert f"`{named}`" in response.json["error"]


async def test_search_shows_no_call_of_another_user(
    api: ApiClient, ledger: LedgerRowWriter
) -> None:
    await ledger.call(call("shared-prefix-1"))
    await ledger.call(call("shared-prefix-2", user_id="bob"))
    forged = encoded('["-totalCost", -99999999999999, "a"]')
    for query in ("q=shared", "sort=-totalCost", f"sort=-totalCost&cursor={forged}"):
        page = (await api.get(f"{CALLS}?{query}", "alice")).data
        assert [one["callId"] for one in page["calls"]] == ["shared-prefix-1"]
        refused = await api.get(f"{CALLS}?{query}", "bob")
        assert (refused.status, b"shared-prefix" in refused.body) == (403, False)
    admin = token("root", role="admin")
    seen = (await api.ask("GET", f"{CALLS}?q=shared&sort=totalCost", bearer=admin)).data["calls"]
    assert [one["callId"] for one in seen] == ["shared-prefix-1"]


async def test_ranking_hides_other_users_without_row_policies(ledger: LedgerRowWriter) -> None:
    """The statement as a superuser, whom no row policy restricts."""
    await ledger.call(call("secret"))
    values = dict.fromkeys(
        (
            "earliest",
            "before",
            "personas",
            "services",
            "models",
            "tags",
            "status",
            "id_part",
            "after_rank",
            "after_key",
        )
    )
    for viewer, seen in ((ALICE, True), (BOB, False), (ROOT, True)):
        statement = statements("reports/lists").bind(
            "ranked_calls",
            user_id="alice",
            **viewer.parameters,
            **values,
            field="totalCost",
            descending=True,
            unknown_persona="unknown",
            limit=10,
        )
        assert bool(await ledger.connection.fetch(*statement)) is seen


@pytest.mark.alone
async def test_ten_thousand_calls_are_listed_quickly_in_any_order(
    api: ApiClient, ledger: LedgerRowWriter
) -> None:
    await ledger.connection.execute(
        """
        INSERT INTO calls (call_id, user_id, persona_id, status, duration_ms, first_at, updated_at,
                           costs, charges)
        SELECT 'call-' || n, 'alice', 'p-' || n % 9, 'completed', n % 700 * 1000,
               $1::timestamptz - n * interval '4 minutes', $1,
               jsonb_build_object('2025-11-19', jsonb_build_object(
                   'twilio', n % 97, 'deepgram', 2, 'cerebras', 3, 'elevenlabs', n % 1013,
                   'raindrop', 4, 'vultr', 5, 'vercel', 6, 'stripe', 7)),
               jsonb_build_object('2025-11-19', jsonb_build_array(n % 499, 0))
          FROM generate_series(1, $2::integer) AS n
        """,
        NOW,
        MANY,
    )
    await ledger.connection.execute("ANALYZE calls")
    for query in (
        *(f"sort={order}" for order in ORDERS),
        "q=99",
        "q=no-such-call",
        "service=stripe",
    ):
        began = time.monotonic()
        response = await api.get(f"{CALLS}?limit=100&{query}", "alice")
        took = time.monotonic() - began
        figures.append(f"{MANY} calls, {query}: {took * 1000:.0f} ms for a page of 100")
        assert len(response.data["calls"]) == (0 if query == "q=no-such-call" else 100)
        assert took < SECONDS_MAX
