"""The quantities of one request are shown with their costs wherever its cost is shown."""

import csv
import io
import json
from collections.abc import AsyncIterator
from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest

from ledger.postgres.viewers import Viewer, reader_pool
from ledger.reports.advice_rows import read_advice_input
from tests.support import events
from tests.support.api import ApiClient, served_from, token
from tests.support.events import NOW, Plain
from tests.support.logins import as_login
from tests.support.recorded_events import record

DAY = timedelta(days=1)
MODEL = {"service": "openai", "operation": "inference", "model": "gpt-4-turbo"}
ALONE = {"usage": None, "unit": None}


def request(**more: Any) -> Plain:
    """Return a cost with 1 000 input tokens and 20.5 output tokens: 0.01 and 0.000615 USD."""
    usages = [
        {"unit": "output_tokens", "quantity": "20.5"},
        {"unit": "input_tokens", "quantity": 1_000},
    ]
    return events.cost(**{**MODEL, **ALONE, "usages": usages, **more})


@pytest.fixture
async def api(database_url: str) -> AsyncIterator[ApiClient]:
    wrong = request(id="wrong")
    await record(
        database_url,
        [
            events.started(),
            request(id="priced"),
            request(id="own", totalCost="0.5", time=NOW + timedelta(seconds=1)),
            wrong,
            events.voided(wrong),
            events.cost(id="single", time=NOW + timedelta(seconds=2)),
        ],
    )
    async with served_from(database_url, today=NOW.date()) as api:
        yield api


async def test_body_of_a_call_lists_the_quantities_with_their_prices(api: ApiClient) -> None:
    body = (await api.get("/api/costs/call/call-1", "alice")).data
    priced, own = body["apiCosts"]["openai"]
    assert [priced[name] for name in ("usage", "unit", "unitCost")] == [None] * 3
    assert priced["totalCost"] == Decimal("0.010615")
    assert priced["usages"] == [
        {"unit": "input_tokens", "quantity": 1_000, "unitCost": Decimal("0.00001"),
         "totalCost": Decimal("0.01")},
        {"unit": "output_tokens", "quantity": Decimal("20.5"), "unitCost": Decimal("0.00003"),
         "totalCost": Decimal("0.000615")},
    ]  # fmt: skip
    assert own["totalCost"] == Decimal("0.5")
    assert {(one["unitCost"], one["totalCost"]) for one in own["usages"]} == {(None, None)}
    [single] = body["apiCosts"]["twilio"]
    assert (single["usage"], single["unit"], single["usages"]) == (1, "minutes", [])
    assert body["costByService"]["openai"] == Decimal("0.510615")
    assert body["totalCost"] == sum(body["costByService"].values())


async def test_events_of_a_call_list_the_quantities_with_their_price_ids(api: ApiClient) -> None:
    listed = (await api.get("/api/costs/call/call-1/events", "alice")).data["events"]
    of = {event["id"]: event for event in listed}
    assert (of["priced"]["usage"], of["priced"]["unit"]) == (None, None)
    assert [(one["unit"], one["quantity"], one["totalCost"]) for one in of["priced"]["usages"]] == [
        ("input_tokens", 1_000, Decimal("0.01")),
        ("output_tokens", Decimal("20.5"), Decimal("0.000615")),
    ]
    admin = token("root", role="admin")
    prices = (await api.ask("GET", "/api/admin/prices", bearer=admin)).data["prices"]
    rows = {row["id"]: (row["model"], row["unit"]) for row in prices}
    assert [rows[one["priceId"]] for one in of["priced"]["usages"]] == [
        ("gpt-4-turbo", "input_tokens"),
        ("gpt-4-turbo", "output_tokens"),
    ]
    assert of["wrong"]["voided"]
    assert [one["priceId"] for one in of["own"]["usages"]] == [None, None]
    assert of["single"]["usages"] == []


async def test_export_has_the_quantities_as_json_and_its_costs_sum_up(api: ApiClient) -> None:
    path = "/api/costs/user/alice/export.csv?type=events&startDate=2026-03-15&endDate=2026-03-15"
    text = (await api.get(path, "alice")).body.decode()
    rows = {row["id"]: row for row in csv.DictReader(io.StringIO(text))}
    priced = rows["priced"]
    assert (priced["usage"], priced["unit"], priced["cost_usd"]) == ("", "", "0.010615")
    quantities = json.loads(priced["usages"], parse_float=Decimal)
    assert sum(one["totalCost"] for one in quantities) == Decimal(priced["cost_usd"])
    assert rows["single"]["usages"] == ""


async def test_recommendations_read_each_unit_of_a_request(
    database_url: str, api: ApiClient
) -> None:
    viewer = Viewer("alice")
    async with reader_pool(as_login(database_url, "api")) as readers:
        found = await read_advice_input(readers, viewer, "alice", NOW - DAY, NOW + DAY)
    assert sum(used.events_of_first_unit for used in found.usages) == 3
    sums = {used.unit: (used.events, int(used.usage), used.cost_nano) for used in found.usages}
    assert sums == {
        "minutes": (1, 1, 14_000_000),
        "input_tokens": (2, 2_000, 10_000_000 + 500_000_000),
        "output_tokens": (2, 41, 615_000),
    }
