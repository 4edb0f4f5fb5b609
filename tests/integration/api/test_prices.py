"""Prices over HTTP: for admins only, with provenance, approval and repricing."""

from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import asyncpg
import pytest

from ledger.postgres.viewers import ReaderPool, Viewer, reader_pool
from ledger.repricing.repricer import Repricer
from tests.support.api import ApiClient, ApiResponse, served_from, token
from tests.support.events import cost
from tests.support.logins import as_login
from tests.support.recording import BatchWriter, TopicLog, assert_verified, fetch

PRICES = "/api/admin/prices"
NOW = datetime.now(UTC).replace(microsecond=0)
ENTRY = {"service": "twilio", "operation": "voice", "unit": "minutes", "price_usd": "0.0150"}


@pytest.fixture
async def api(database_url: str) -> AsyncIterator[ApiClient]:
    async with served_from(
        database_url, repricer=Repricer(as_login(database_url, "worker"))
    ) as api:
        yield api


async def admin(api: ApiClient, method: str, path: str = PRICES, body: Any = None) -> ApiResponse:
    return await api.ask(method, path, bearer=token("root", role="admin"), body=body)


async def test_price_catalog_shows_provenance(api: ApiClient, database_url: str) -> None:
    await fetch(
        database_url,
        "UPDATE service_prices SET verified_at = now() - interval '91 days' WHERE price_id = 1",
    )
    listed = (await admin(api, "GET", f"{PRICES}?service=twilio")).data
    assert listed["pending"] == []
    assert [
        (price["operation"], price["price_usd"], price["stale"], price["state"])
        for price in listed["prices"]
    ] == [
        ("inbound_call", Decimal("0.0085"), False, "in force"),
        ("outbound_call", Decimal("0.014"), True, "in force"),
    ]
    assert listed["prices"][0]["source"] == "built-in default"


async def test_source_of_an_entered_price_has_an_address_and_a_date(
    api: ApiClient, database_url: str
) -> None:
    page = {
        "source": "price page",
        "sourceUrl": "https://example.com/prices",
        "sourceDate": "2026-02-03",
    }
    assert (await admin(api, "POST", body={**ENTRY, **page})).data["result"] == "entered"
    at = {**ENTRY, "price_usd": "0.014", "effectiveFrom": "2020-01-01T00:00:00Z"}
    confirmed = {**at, **page, "sourceDate": "2025-01-02"}
    assert (await admin(api, "POST", body=confirmed)).data["result"] == "known"
    prices = (await admin(api, "GET", f"{PRICES}?service=twilio&all=true")).data["prices"]
    sources = [(one["price_usd"], one["source"], one["sourceDate"]) for one in prices[1:]]
    assert sources == [
        (Decimal("0.014"), "price page", "2025-01-02"),
        (Decimal("0.015"), "price page", "2026-02-03"),
    ]
    assert prices[2]["sourceUrl"] == page["sourceUrl"]
    await fetch(
        database_url, "UPDATE service_prices SET source_date = '2025-01-02' WHERE price_usd = 0.015"
    )
    newest = (await admin(api, "GET", f"{PRICES}?service=twilio")).data["prices"][-1]
    assert (newest["stale"], newest["staleReason"]) == (True, "old_source")


async def test_sources_that_were_not_refreshed_for_two_days_are_stale(
    api: ApiClient, database_url: str
) -> None:
    attempt = (
        "INSERT INTO price_refreshes (source, started_at, finished_at, outcome, error)"
        " VALUES ($1, now() - $2::int * interval '1 hour', now(), $3, $4)"
    )
    for values in (
        ("daily", 30, "done", None), ("daily", 6, "done", None), ("down", 72, "done", None),
        ("down", 2, "failed", "down: it does not answer."), ("gone", 24 * 40, "done", None),
    ):  # fmt: skip
        await fetch(database_url, attempt, *values)
    sources = (await admin(api, "GET")).data["sources"]
    found = [(one["name"], one["stale"], one["error"]) for one in sources]
    assert found == [("daily", False, None), ("down", True, "down: it does not answer.")]
    assert sources[1]["readAt"] < sources[1]["triedAt"]


async def test_entered_price_applies_from_now_on(api: ApiClient) -> None:
    assert (await admin(api, "POST", body=ENTRY)).data == {"result": "entered", "proposal": None}
    newest = (await admin(api, "GET", f"{PRICES}?service=twilio")).data["prices"][-1]
    assert (newest["retiresOn"], newest["isDeprecated"]) == (None, False)
    assert (newest["price_usd"], newest["setBy"], newest["source"]) == (
        Decimal("0.015"), "admin root", "entered by root",
    )  # fmt: skip
    past = (await admin(api, "GET", f"{PRICES}?service=twilio&all=true")).data["prices"]
    assert [one["state"] for one in past].count("past") == 1


async def test_increments_are_entered_proposed_and_listed(api: ApiClient) -> None:
    names = ("minimum_seconds", "increment_seconds")
    entry = {**ENTRY, "minimum_seconds": 60, "increment_seconds": 60}
    assert (await admin(api, "POST", body=entry)).data["result"] == "entered"
    newest = (await admin(api, "GET", f"{PRICES}?service=twilio")).data["prices"][-1]
    assert [newest[name] for name in names] == [60, 60]

    larger = {**entry, "price_usd": 1, "minimum_seconds": 30, "increment_seconds": 6}
    larger["effectiveFrom"] = "2040-01-01T00:00:00Z"
    proposal = (await admin(api, "POST", body=larger)).data["proposal"]
    assert [proposal[name] for name in names] == [30, 6]
    assert proposal["inForceMinimum_seconds"] == proposal["inForceIncrement_seconds"] == 60
    await admin(api, "POST", f"{PRICES}/{proposal['id']}/approve")
    newest = (await admin(api, "GET", f"{PRICES}?service=twilio")).data["prices"][-1]
    assert [newest[name] for name in names] == [30, 6]
    conflict = await admin(api, "POST", body={**larger, "increment_seconds": 1})
    assert "already has 1 per 1 30/6 s, not 1 per 1 30/1 s" in conflict.json["error"]
    words = {**ENTRY, "unit": "characters", "increment_seconds": 60}
    assert (await admin(api, "POST", body=words)).status == 400


async def test_large_change_waits_for_approval(api: ApiClient, database_url: str) -> None:
    entry = {**ENTRY, "price_usd": 0.14, "effectiveFrom": (NOW - timedelta(hours=1)).isoformat()}
    waiting = (await admin(api, "POST", body=entry)).data
    assert (waiting["result"], waiting["proposal"]["change_percent"]) == ("pending", 900)
    assert (await admin(api, "POST", body=entry)).data["proposal"]["id"] == waiting["proposal"][
        "id"
    ]
    async with BatchWriter(database_url) as writer:
        await writer.record(TopicLog().batch([cost(time=NOW)]))
    assert (await fetch(database_url, "SELECT cost_nano FROM counted_costs"))[0][0] == 14_000_000
    path = f"{PRICES}/{waiting['proposal']['id']}"
    approved = (await admin(api, "POST", f"{path}/approve")).data
    assert (approved["state"], approved["decidedBy"]) == ("approved", "admin root")
    assert (await admin(api, "POST", f"{path}/approve")).data == approved
    refused = await admin(api, "POST", f"{path}/reject")
    assert (refused.status, refused.code) == (409, "price_conflict")
    assert (await admin(api, "GET")).data["pending"] == []
    assert (await admin(api, "POST", f"{PRICES}/999/approve")).status == 404

    since = (NOW - timedelta(days=1)).isoformat().replace("+", "%2B")
    dry = (await admin(api, "POST", f"{PRICES}/rerate?from={since}")).data
    assert (dry["dryRun"], dry["applied"], dry["total"]["difference"]) == (
        True,
        0,
        Decimal("0.126"),
    )
    assert dry["topUsers"][0]["userId"] == "alice"
    done = (await admin(api, "POST", f"{PRICES}/rerate?dryRun=false&from={since}")).data
    assert (done["applied"], done["complete"]) == (1, True)
    assert (await admin(api, "POST", f"{PRICES}/rerate?dryRun=false&from={since}")).data[
        "applied"
    ] == 0
    await assert_verified(database_url)


async def test_approved_price_is_entered_at_once_and_known_price_verified(api: ApiClient) -> None:
    entry = {**ENTRY, "price_usd": 5, "approve": True, "effectiveFrom": "2030-01-01T00:00:00Z"}
    assert (await admin(api, "POST", body=entry)).data["result"] == "entered"
    retired = {**entry, "retiresOn": "2031-01-01", "isDeprecated": True}
    assert (await admin(api, "POST", body=retired)).data["result"] == "known"
    known = (await admin(api, "GET", f"{PRICES}?service=twilio")).data["prices"][-1]
    assert (known["retiresOn"], known["isDeprecated"]) == ("2031-01-01", True)
    conflict = await admin(api, "POST", body={**entry, "price_usd": 6})
    assert (conflict.status, conflict.code) == (409, "price_conflict")
    assert (await admin(api, "POST", body={**ENTRY, "serviceClass": "revenue"})).status == 400


@pytest.mark.parametrize(
    "changes",
    [
        {"price_usd": -1}, {"price_usd": "NaN"}, {"price_usd": "1e99999999"}, {"price_usd": True},
        {"unit": "square miles"}, {"service": ""}, {"service": "a\0b"}, {"model": "m\0"}, {"source": "a\0b"},
        {"perUnits": 0}, {"perUnits": 1.5}, {"perUnits": 10**30}, {"effectiveFrom": "soon"},
        {"effectiveFrom": "1970-01-01T00:00:00Z"}, {"sourceUrl": "ftp://a"}, {"sourceDate": "x"}, {"surprise": 1}, {"operation": "x" * 256},
    ],
)  # fmt: skip
async def test_invalid_price_is_refused(api: ApiClient, changes: dict[str, Any]) -> None:
    refused = await admin(api, "POST", body={**ENTRY, **changes})
    assert (refused.status, refused.code) == (400, "invalid_body")


@pytest.mark.parametrize(
    "query",
    ["", "from=soon", "from=2026-01-02&to=2026-01-01", "from=2026-01-01&dryRun=maybe",
     "from=2026-01-01&service=", "from=2026-01-01&from=2026-01-02"],
)  # fmt: skip
async def test_invalid_repricing_is_refused(api: ApiClient, query: str) -> None:
    refused = await admin(api, "POST", f"{PRICES}/rerate?{query}")
    assert (refused.status, refused.code) == (400, "invalid_parameter")


async def test_only_admins_reach_the_price_routes(api: ApiClient, database_url: str) -> None:
    paths = [("GET", PRICES), ("POST", PRICES), ("GET", f"{PRICES}/aliases"), ("POST", f"{PRICES}/aliases"),
             ("POST", f"{PRICES}/1/approve"),
             ("POST", f"{PRICES}/1/reject"), ("POST", f"{PRICES}/rerate?from=2020-01-01&dryRun=false")]  # fmt: skip
    for role in ("user", "service"):
        for method, path in paths:
            body = None if method == "GET" else ENTRY
            refused = await api.ask(method, path, bearer=token("eve", role=role), body=body)
            assert (refused.status, refused.code) == (403, "forbidden")
    assert await fetch(database_url, "SELECT FROM service_prices WHERE set_by LIKE 'admin%'") == []


ATTACKS = (
    "INSERT INTO service_prices (service, class, operation, unit, price_usd, effective_from, source, set_by)"
    " VALUES ('a', 'api', 'b', 'minutes', 0, now(), 's', 's')",
    "INSERT INTO model_aliases (service, alias, model, effective_from, source, set_by)"
    " VALUES ('openai', 'x', 'y', now(), 's', 'eve')",
    "INSERT INTO price_proposals (service, class, operation, model, unit, price_usd, per_units, effective_from,"
    " source, set_by, in_force_price_id) VALUES ('a', 'api', 'b', '*', 'minutes', 0, 1, now(), 's', 's', 1)",
)


async def test_users_cannot_change_prices_or_proposals(database_url: str) -> None:
    async with reader_pool(as_login(database_url, "api")) as readers:
        for attack in ATTACKS:
            with pytest.raises(asyncpg.InsufficientPrivilegeError):
                await _write(readers, Viewer("eve"), attack)
        await _write(readers, Viewer("root", reads_all=True), ATTACKS[-1])
        changed = await _write(
            readers, Viewer("eve"), "UPDATE service_prices SET verified_at = now()"
        )
        assert changed == "UPDATE 0"
        changed = await _write(
            readers, Viewer("eve"), "UPDATE price_proposals SET state = 'approved'"
        )
        assert changed == "UPDATE 0"
        for statement in ("UPDATE service_prices SET price_usd = 0", "DELETE FROM service_prices",
                          "DELETE FROM price_proposals", "DELETE FROM price_refreshes",
                          "UPDATE model_aliases SET model = 'x'", "DELETE FROM model_aliases"):  # fmt: skip
            with pytest.raises(asyncpg.InsufficientPrivilegeError):
                await _write(readers, Viewer("root", reads_all=True), statement)
        async with readers.reading(Viewer("eve")) as connection:
            assert await connection.fetch("SELECT FROM price_proposals") == []
            assert len(await connection.fetch("SELECT FROM service_prices")) == 20


async def _write(readers: ReaderPool, viewer: Viewer, statement: str) -> str:
    async with readers.writing(viewer) as connection:
        return str(await connection.execute(statement))


async def test_repricing_needs_the_worker_connection(database_url: str) -> None:
    async with served_from(database_url) as api:
        refused = await admin(api, "POST", f"{PRICES}/rerate?from=2026-01-01")
        assert (refused.status, refused.code) == (503, "unavailable")


async def test_conditions_are_entered_listed_proposed_and_approved(api: ApiClient) -> None:
    conditions = {"destination": "+44", "hours": "22:00-06:00@Europe/London"}
    entry = {**ENTRY, "price_usd": "0.5", "conditions": conditions}
    assert (await admin(api, "POST", body=entry)).data["result"] == "entered"  # no price before
    large = {**entry, "effectiveFrom": (NOW + timedelta(days=1)).isoformat(), "price_usd": "0.9"}
    pending = (await admin(api, "POST", body=large)).data
    assert pending["result"] == "pending"
    proposal = pending["proposal"]
    assert proposal["conditions"] == conditions
    assert (proposal["inForcePrice_usd"], proposal["unit"]) == (Decimal("0.5"), "minutes")
    path = f"{PRICES}/{proposal['id']}/approve"
    assert (await admin(api, "POST", path)).data["state"] == "approved"
    listed = (await admin(api, "GET", f"{PRICES}?service=twilio")).data["prices"]
    assert [(one["price_usd"], one["state"], one["conditions"]) for one in listed[1:]] == [
        (Decimal("0.014"), "in force", None),
        (Decimal("0.5"), "in force", conditions),
        (Decimal("0.9"), "future", conditions),
    ]


@pytest.mark.parametrize(
    ("conditions", "error"),
    [
        ({"destination": "0044"}, "destination must be a number's prefix like +44"),
        ({"hours": "9-17"}, "hours must be a part of the day"),
        ({"teir": "batch"}, "teir"),
        ({"inputSizeAbove": -1}, "inputSizeAbove"),
    ],
)
async def test_an_invalid_condition_is_refused(
    api: ApiClient, conditions: dict[str, Any], error: str
) -> None:
    answer = await admin(api, "POST", body={**ENTRY, "conditions": conditions})
    assert answer.status == 400
    assert error in answer.json["error"]
