"""One call in detail, beyond the documented example."""

from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest

from ledger.postgres.statements import statements
from tests.support.api import ApiClient, served_from, token
from tests.support.ledger_rows import CENT, LedgerRowWriter, LiveCallRow, rows

AT = datetime(2025, 10, 31, 23, 30, tzinfo=UTC)
PATH = "/api/costs/call/a%2Fcall"


def call(**changes: object) -> LiveCallRow:
    return LiveCallRow(call_id="a/call", user_id="alice", at=AT, **changes)  # type: ignore[arg-type]


@pytest.fixture
async def ledger(database_url: str) -> AsyncIterator[LedgerRowWriter]:
    async with rows(database_url) as ledger:
        yield ledger


@pytest.fixture
async def api(database_url: str) -> AsyncIterator[ApiClient]:
    async with served_from(database_url) as api:
        yield api


async def test_only_voided_lines_are_omitted(api: ApiClient, ledger: LedgerRowWriter) -> None:
    row = call(costs={"twilio": 3 * CENT})
    await ledger.call(row)
    spoken: dict[str, Any] = {
        "service": "twilio",
        "operation": "outbound_call",
        "unit": "minutes",
        "usage": 1,
    }
    kept = await ledger.event(row, cost_nano=3 * CENT, **spoken)
    gone = await ledger.event(row, cost_nano=5 * CENT, **spoken)
    # In another month than the call: a partition of its own.
    late = AT + timedelta(days=40)
    later = await ledger.event(row, time=late, cost_nano=0, **spoken)
    await ledger.event(row, "cost.voided", time=late, voids=gone)
    elsewhere = LiveCallRow(call_id="another", user_id="alice", at=AT)
    await ledger.event(elsewhere, "cost.voided", voids=kept)
    await ledger.event(elsewhere, cost_nano=7 * CENT, **spoken)
    await ledger.event(row, "call.charged", service="stripe", cost_nano=1, amount_nano=9)
    await ledger.event(row, "call.settled", cost_nano=1)
    content = (await api.get(PATH, "alice")).data
    assert [line["totalCost"] for line in content["apiCosts"]["twilio"]] == [Decimal("0.03"), 0]
    assert (
        sum(line["totalCost"] for line in content["apiCosts"]["twilio"]) == content["totalApiCost"]
    )
    assert later != kept


async def test_call_over_several_days_is_one_call(api: ApiClient, ledger: LedgerRowWriter) -> None:
    await ledger.call(call())
    await ledger.connection.execute(
        "UPDATE calls SET costs = $1, charges = $2",
        '{"2025-10-31": {"twilio": 1, "stripe": 5}, "2025-11-01": {"twilio": 2, "vultr": -4}}',
        '{"2025-10-31": [100, 0], "2025-11-01": [50, 30]}',
    )
    content = (await api.get(PATH, "alice")).data
    nano = Decimal("1E-9")
    assert content["costByService"]["twilio"] == 3 * nano
    assert content["totalCost"] == sum(content["costByService"].values()) == 4 * nano
    assert (content["chargedToUser"], content["refunded"]) == (150 * nano, 30 * nano)
    assert content["netRevenue"] == 115 * nano
    assert content["grossProfit"] == 116 * nano
    assert b"1.5E" not in (await api.get(PATH, "alice")).body


async def test_price_catalog_decides_the_class_of_a_service(
    api: ApiClient, ledger: LedgerRowWriter
) -> None:
    await ledger.connection.executemany(
        """
        INSERT INTO service_prices
               (service, class, operation, unit, price_usd, effective_from, source, set_by)
        VALUES ($1, $2, 'x', 'calls', 1, '2024-01-01Z', 'tests', 'tests')
        """,
        [("redis", "infrastructure"), ("paypal", "transaction"), ("gemini", "api")],
    )
    costs = {"redis": 1, "paypal": 2, "gemini": 4, "unheard-of": 8}
    await ledger.call(call(costs=costs))
    content = (await api.get(PATH, "alice")).data
    nano = Decimal("1E-9")
    assert content["infrastructureCosts"]["redis"] == {"costPerCall": 1 * nano}
    assert content["transactionCosts"] == {
        "stripe": {"totalFee": 0},
        "paypal": {"totalFee": 2 * nano},
    }
    assert content["totalApiCost"] == 12 * nano
    assert content["costByService"]["unheard-of"] == 8 * nano
    assert content["totalCost"] == 15 * nano


async def test_call_with_few_known_facts_is_shown(api: ApiClient, ledger: LedgerRowWriter) -> None:
    row = call(costs={}, charged=0, persona_id=None, duration_ms=1_500, status="active",
               estimated_count=2)  # fmt: skip
    await ledger.call(row)
    await ledger.connection.execute("UPDATE calls SET started_at = NULL, ended_at = NULL")
    content = (await api.get(PATH, "alice")).data
    assert (content["personaId"], content["startedAt"], content["endedAt"]) == (None, None, None)
    assert (content["status"], content["estimated"]) == ("active", True)
    assert content["duration_seconds"] == Decimal("1.5")
    assert (content["totalCost"], content["grossMarginPercent"]) == (0, "0.00%")
    assert all(lines == [] for lines in content["apiCosts"].values())
    assert content["createdAt"] == "2025-10-31T23:30:00Z"


async def test_unchanged_call_answers_304(api: ApiClient, ledger: LedgerRowWriter) -> None:
    await ledger.call(call())
    first = await api.get(PATH, "alice")
    tag = first.headers["ETag"]
    assert first.headers["Cache-Control"] == "private, no-cache"
    for tags in (tag, f'"other", {tag}', f"W/{tag}", "*"):
        again = await api.get(PATH, "alice", headers={"If-None-Match": tags})
        assert (again.status, again.body) == (304, b"")
        assert again.headers["ETag"] == tag
    for other in ('"other"', "nonsense", ""):
        sent = await api.get(PATH, "alice", headers={"If-None-Match": other})
        assert sent.body == first.body
    await ledger.connection.execute("UPDATE calls SET duration_ms = 1")
    changed = await api.get(PATH, "alice", headers={"If-None-Match": tag})
    assert changed.status == 200
    assert changed.headers["ETag"] != tag
    stranger = await api.get(PATH, "bob", headers={"If-None-Match": changed.headers["ETag"]})
    assert stranger.status == 403


async def test_head_answers_like_get_without_a_body(
    api: ApiClient, ledger: LedgerRowWriter
) -> None:
    await ledger.call(call())
    whole = await api.get(PATH, "alice")
    head = await api.ask("HEAD", PATH, bearer=token("alice"))
    assert (head.status, head.body) == (200, b"")
    assert head.headers["ETag"] == whole.headers["ETag"]
    assert head.headers["Content-Length"] == str(len(whole.body))


async def test_lines_of_a_call_are_read_by_an_index(ledger: LedgerRowWriter) -> None:
    """No index could be used if the statement compared ids of different collations."""
    await ledger.call(call())
    await ledger.event(call(), service="twilio", cost_nano=1)
    await ledger.connection.execute("SET enable_seqscan = off")
    statement, *arguments = statements("reports/costs").bind(
        "call",
        call_id="a/call",
        viewer_id="alice",
        reads_all=False,
        lines_max=10,
    )
    plan = await ledger.connection.fetch(f"EXPLAIN {statement}", *arguments)
    text = "\n".join(line for (line,) in plan)
    assert "Seq Scan on call_cost_events" not in text
    assert "call_id_idx" in text
