"""The API for archived calls: totals are exact, and missing details are marked as archived."""

import csv
import io
import json
from collections.abc import Iterator
from datetime import timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

from ledger.postgres.statements import statements
from ledger.postgres.viewers import Viewer
from ledger.reports.exports import export_parameters
from ledger.reports.lists import CallFilter
from tests.integration.archives.test_archiving import OLD, calls, record
from tests.support.api import ApiClient, served_from, token
from tests.support.archives import NOW, archive, month_start
from tests.support.events import cost, voided
from tests.support.recording import fetch

DAYS = f"startDate={month_start(3):%Y-%m-%d}&endDate={NOW + timedelta(days=1):%Y-%m-%d}"


async def bodies(api: ApiClient) -> dict[str, object]:
    """Return the totals that users and admins see."""
    call = (await api.get("/api/costs/call/call-0", "user-0")).data
    shown = {
        name: value for name, value in call.items() if name not in ("apiCosts", "archivedEvents")
    }
    spending = (
        await api.get(f"/api/costs/user/user-0/spending?period=custom&{DAYS}", "user-0")
    ).data
    return {"call": shown, "spending": spending, "export": await exported_sums(api)}


async def exported_sums(api: ApiClient) -> dict[tuple[str, str], Decimal]:
    """Return the sums of an export of events, by call and service, without voided lines."""
    answer = await api.get(f"/api/costs/user/user-0/export.csv?type=events&{DAYS}", "user-0")
    sums: dict[tuple[str, str], Decimal] = {}
    for line in csv.DictReader(io.StringIO(answer.body.decode(), newline=""), strict=True):
        if line["voided"] == "false":
            service = (line["callId"], line["service"])
            sums[service] = sums.get(service, Decimal(0)) + Decimal(line["cost_usd"])
            sign = -1 if line["type"] in ("call.refunded", "archived.refunded") else 1
            paid = (line["callId"], "paid")
            sums[paid] = sums.get(paid, Decimal(0)) + sign * Decimal(line["amount_usd"])
    return {key: amount for key, amount in sums.items() if amount}


async def test_api_shows_exact_totals_and_marks_archived_details(
    database_url: str, tmp_path: Path
) -> None:
    all_events = calls()
    late = cost("call-0", "user-0", time=OLD + timedelta(minutes=1), totalCost="0.25")
    void = voided(all_events[1], "call-0", "user-0", time=NOW - timedelta(minutes=2))
    await record(database_url, [*all_events, void])
    root = token("root", role="admin")
    path = f"/api/admin/reconciliation?period=custom&{DAYS}"
    async with served_from(database_url, today=NOW.date()) as api:
        before = await bodies(api)
        assert (await api.get("/api/costs/call/call-0", "user-0")).data["archivedEvents"] == 0
        reconciled = (await api.ask("GET", path, bearer=root)).data
        assert reconciled["archivedEvents"] == 0
        [month] = await archive(database_url, tmp_path)
        assert await bodies(api) == before
        after = (await api.ask("GET", path, bearer=root)).data
        assert (after["differences"], after["days"]) == (0, reconciled["days"])
        assert month.manifest is not None
        assert after["archivedEvents"] == month.manifest.events > 0

        call = (await api.get("/api/costs/call/call-0", "user-0")).data
        archived = sum(e["data"]["callId"] == "call-0" for e in all_events)
        assert call["archivedEvents"] == archived
        assert not any(call["apiCosts"].values())
        page = (await api.get("/api/costs/call/call-0/events", "user-0")).data
        assert (page["archivedEvents"], len(page["events"])) == (archived, 1)
        present = (await api.get("/api/costs/call/call-2/events", "user-2")).data
        assert (present["archivedEvents"], len(present["events"])) == (0, 7)
        assert (await api.get("/api/costs/call/call-0", "user-1")).status == 403

        await record(database_url, [late])
        lines = (await api.get("/api/costs/call/call-0", "user-0")).data["apiCosts"]["twilio"]
        assert [line["totalCost"] for line in lines] == [Decimal("0.25")]
        assert (await api.ask("GET", path, bearer=root)).data["differences"] == 0


async def test_export_marks_archived_lines_of_each_call(database_url: str, tmp_path: Path) -> None:
    """An export reads only the seals of its user, by an index."""
    await record(database_url, calls())
    await archive(database_url, tmp_path)
    await fetch(
        database_url,
        """INSERT INTO sealed_calls
           SELECT 'other-' || n, seal_id, 'other', first_at, 1, 0, 0, facts, costs, charges
           FROM sealed_calls, generate_series(1, 20000) AS n WHERE call_id = 'call-0'""",
    )
    await fetch(database_url, "ANALYZE sealed_calls, calls, call_cost_events")
    everything = CallFilter(earliest=OLD - timedelta(days=40), before=NOW)
    statement, *arguments = statements("reports/exports").bind(
        "events", **export_parameters("events", Viewer("user-0"), "user-0", everything)
    )
    plan = await fetch(database_url, f"EXPLAIN (FORMAT JSON) {statement}", *arguments)
    tables = {"sealed_calls", "archived_costs", "call_cost_events"}
    assert not tables & set(scanned(json.loads(plan[0][0])[0]["Plan"]))


def scanned(node: dict[str, Any]) -> Iterator[str]:
    """Yield the tables that a plan scans completely."""
    if node["Node Type"] == "Seq Scan":
        yield node["Relation Name"]
    for inner in node.get("Plans", ()):
        yield from scanned(inner)
