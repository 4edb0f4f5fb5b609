"""Filters and groups of costs: by persona, tag, service and model, in every report that has them."""

import csv
import io
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from ledger.prices.increments import Increments
from tests.support.api import ApiClient, served_from, token
from tests.support.archives import archive, month_start
from tests.support.events import charged, cost, ended, started, voided
from tests.support.ledger_rows import LedgerRowWriter, LiveCallRow, rows
from tests.support.recording import BatchWriter, TopicLog
from tests.support.repricing import a_twilio, add

NOW = datetime.now(UTC).replace(microsecond=0) - timedelta(minutes=5)
USER, ALL_USERS = "/api/costs/user/alice", "/api/admin/costs/analytics"
ROOT = token("root", role="admin")


@pytest.fixture
async def ledger(database_url: str) -> AsyncIterator[LedgerRowWriter]:
    async with rows(database_url) as ledger:
        yield ledger


@pytest.fixture
async def api(database_url: str) -> AsyncIterator[ApiClient]:
    async with served_from(database_url, today=NOW.date()) as api:
        yield api


async def record(database_url: str, *events: Any) -> None:
    async with BatchWriter(database_url) as writer:
        await writer.record(TopicLog().batch(events))
        assert writer.letters == []


async def spending(api: ApiClient, query: str) -> Any:
    return (await api.get(f"{USER}/spending?{query}", "alice")).data


def values(body: Any) -> dict[str | None, Decimal]:
    """Return the cost of each listed group, and of what has no value."""
    groups = body["groups"]
    listed = {one["value"]: one["totalCost"] for one in groups["groups"]}
    return {**listed, None: groups["without"]["totalCost"]}


@pytest.mark.parametrize(
    ("query", "named"),
    [
        ("tag=campaign", "tag"),
        ("tag=Campaign:spring", "tag"),
        (f"tag=campaign:{'x' * 101}", "tag"),
        ("tag=campaign:%00", "tag"),
        ("&".join(f"tag=campaign:{n}" for n in range(21)), "tag"),
        ("personaId=", "personaId"),
        ("service=", "service"),
        ("model=%00", "model"),
        ("groupBy=", "groupBy"),
        ("groupBy=user", "groupBy"),
        ("groupBy=tag", "groupBy"),
        ("groupBy=tag:", "groupBy"),
        ("groupBy=tag:Campaign", "groupBy"),
        ("groupBy=service&groupBy=model", "groupBy"),
        ("groupLimit=3", "groupLimit"),
        ("groupBy=service&groupLimit=0", "groupLimit"),
        ("groupBy=service&groupLimit=101", "groupLimit"),
        ("compare=true&tag=campaign:spring", "compare"),
    ],
)
async def test_invalid_filter_is_named(api: ApiClient, query: str, named: str) -> None:
    response = await api.get(f"{USER}/spending?{query}", "alice")
    assert (response.status, response.code) == (400, "invalid_parameter")
    assert f"`{named}`" in response.json["error"]


async def test_late_tag_moves_the_sums_of_earlier_costs(api: ApiClient, database_url: str) -> None:
    await record(
        database_url,
        started("call-1", time=NOW),
        cost("call-1", time=NOW, totalCost="1.5"),
        cost("call-2", userId="alice", time=NOW, totalCost="0.25", tags={"campaign": "autumn"}),
    )
    before = values(await spending(api, "groupBy=tag:campaign"))
    assert before == {"autumn": Decimal("0.285"), None: Decimal("1.535")}
    tag = (await api.get(f"{USER}/spending?tag=campaign:spring", "alice")).headers["ETag"]
    late = ended("call-1", time=NOW, status="failed", tags={"campaign": "spring"})
    await record(database_url, late)
    after = values(await spending(api, "groupBy=tag:campaign"))
    assert after == {"spring": Decimal("1.535"), "autumn": Decimal("0.285"), None: 0}
    fresh = await api.get(
        f"{USER}/spending?tag=campaign:spring", "alice", headers={"If-None-Match": tag}
    )
    assert (fresh.status, fresh.data["totalCost"]) == (200, Decimal("1.535"))
    again = {"If-None-Match": fresh.headers["ETag"]}
    path = f"{USER}/spending?tag=campaign:spring"
    assert (await api.get(path, "alice", headers=again)).status == 304
    all_users = await api.ask("GET", f"{ALL_USERS}?groupBy=tag:campaign", bearer=ROOT)
    assert values(all_users.data) == after


async def test_service_and_model_narrow_costs_but_no_charges(
    api: ApiClient, database_url: str
) -> None:
    speech = {"service": "deepgram", "operation": "streaming_stt", "model": "nova-2"}
    wrong = cost("call-1", time=NOW, totalCost="9", **speech)
    await record(
        database_url,
        started("call-1", time=NOW),
        cost("call-1", time=NOW, totalCost="1", **speech),
        cost("call-1", time=NOW, totalCost="2"),
        wrong,
        voided(wrong, "call-1", time=NOW),
        charged("call-1", time=NOW, amount="4.99", fee="0.5"),
        ended("call-1", time=NOW),
    )
    whole = await spending(api, "groupBy=model")
    assert values(whole) == {"nova-2": 1, None: Decimal("2.535")}
    assert whole["groups"]["groups"][0]["totalCharged"] is None
    for query in ("model=nova-2", "service=deepgram"):
        part = await spending(api, query)
        assert (part["totalCost"], part["totalCharged"]) == (1, Decimal("4.99"))
        assert (part["totalGrossProfit"], part["averageMarginPercent"]) == (None, None)
        assert part["costByService"]["deepgram"] == 1
    other = await spending(api, "service=twilio&service=deepgram&model=")
    assert other["totalCost"] == 2
    listed = await api.get(f"{USER}/calls?model=nova-2&service=twilio", "alice")
    assert [one["totalCost"] for one in listed.data["calls"]] == [Decimal("3.535")]
    assert (await api.get(f"{USER}/calls?model=nova-3", "alice")).data["calls"] == []


async def test_export_follows_the_filters_of_the_report(api: ApiClient, database_url: str) -> None:
    speech = {"service": "deepgram", "operation": "streaming_stt", "model": "nova-2"}
    events = [
        event
        for number in range(4)
        for event in (
            started(f"call-{number}", time=NOW, tags={"campaign": f"c{number % 2}"}),
            cost(f"call-{number}", time=NOW, totalCost="0.5", **speech),
            cost(f"call-{number}", time=NOW, totalCost="0.125"),
            ended(f"call-{number}", time=NOW, status="failed" if number == 3 else "completed"),
        )
    ]
    await record(database_url, *events)

    async def lines(kind: str, query: str) -> list[dict[str, str]]:
        response = await api.get(f"{USER}/export.csv?type={kind}&{query}", "alice")
        assert response.status == 200, response.body
        return list(csv.DictReader(io.StringIO(response.body.decode(), newline="")))

    def total(found: list[dict[str, str]], column: str) -> Decimal:
        return sum((Decimal(line[column] or 0) for line in found), Decimal(0))

    for query in ("tag=campaign:c1", "tag=campaign:c1&service=deepgram", "model=nova-2",
                  "service=raindrop&service=stripe", "personaId=unknown", "model="):  # fmt: skip
        body = await spending(api, query)
        is_partial = "service" in query or "model" in query
        events_found, days = await lines("events", query), await lines("daily", query)
        assert total(events_found, "cost_usd") == body["totalCost"]
        assert total(days, "totalCost_usd") == body["totalCost"]
        assert total(days, "chargedToUser_usd") == body["totalCharged"]
        assert {line["grossProfit_usd"] == "" for line in days} <= {is_partial}
        charges = 0 if is_partial else body["totalCharged"]
        assert total(events_found, "amount_usd") == charges
    names = [line["callId"] for line in await lines("calls", "tag=campaign:c1&status=completed")]
    assert names == ["call-1"]
    assert {line["callId"] for line in await lines("events", "q=CALL-2")} == {"call-2"}
    refused = await api.get(f"{USER}/export.csv?type=daily&status=failed", "alice")
    assert refused.code == "invalid_parameter"


async def test_sums_of_models_include_roundings_and_archived_costs(
    api: ApiClient, database_url: str, tmp_path: Path
) -> None:
    """Roundings have the model of their leg, archived costs have none: sums stay the totals."""
    old = month_start(3) + timedelta(days=1)
    price = a_twilio("0.06", old)._replace(model="big", increments=Increments(60, 60))
    await add(database_url, price)
    used: dict[str, Any] = {"model": "big", "usage": 30, "unit": "seconds"}
    await record(
        database_url,
        *(started(call, time=at) for call, at in (("call-1", NOW), ("call-2", old))),
        *(cost(call, time=at, **used) for call, at in (("call-1", NOW), ("call-2", old))),
        *(ended(call, time=at, status="failed") for call, at in (("call-1", NOW), ("call-2", old))),
    )
    dates = f"period=custom&startDate={old:%F}&endDate={NOW:%F}&groupBy=model"
    assert values(await spending(api, dates)) == {"big": Decimal("0.12"), None: Decimal("0.07")}
    await archive(database_url, tmp_path)
    left = await spending(api, dates)
    assert (values(left)["big"], left["totalCost"]) == (Decimal("0.09"), Decimal("0.19"))
    assert sum(values(left).values()) == left["totalCost"]


@pytest.mark.parametrize("sort", ["-createdAt", "-totalCost", "duration_seconds"])
async def test_cursor_goes_on_under_filters(
    api: ApiClient, ledger: LedgerRowWriter, sort: str
) -> None:
    """Also if a call begins to match between two pages."""
    for number in range(12):
        at = NOW - timedelta(hours=number)
        tags = {"campaign": f"c{number % 3}"} if number % 4 else None
        await ledger.call(
            LiveCallRow(call_id=f"call-{number:02}", user_id="alice", at=at, tags=tags)
        )
    wanted = "tag=campaign:c1&tag=campaign:c2&personaId=brad_001"
    expected = {f"call-{n:02}" for n in range(12) if n % 4 and n % 3}
    found: list[str] = []
    following: str | None = ""
    while following is not None:
        page = await api.get(
            f"{USER}/calls?limit=2&cursor={following}&sort={sort}&{wanted}", "alice"
        )
        found += [one["callId"] for one in page.data["calls"]]
        following = page.data["nextCursor"]
        await ledger.connection.execute("UPDATE calls SET tags = NULL WHERE call_id = 'call-03'")
    assert sorted(found) == sorted(expected)
