"""A FOCUS export has each cost once, and sums to the ledger's totals to the nano-dollar."""

import csv
import io
import tracemalloc
from collections import Counter
from collections.abc import Iterable, Mapping
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from pathlib import Path

import pyarrow as pa
import pytest
from pyarrow import parquet

from cost_analytics.failures import CommandError
from cost_analytics.focus_files import FileType, export_costs
from ledger.prices.increments import Increments
from ledger.repricing.repricer import Repricer
from ledger.repricing.rows import RepricingScope
from schemas.events import RERATE_SOURCE
from tests.integration.archives.test_archiving import OLD, calls, record
from tests.support import parts
from tests.support.archives import NOW, archive
from tests.support.command import run_command
from tests.support.events import Plain, charged, cost, ended, started, voided
from tests.support.logins import as_login
from tests.support.recording import fetch
from tests.support.repricing import a_price, add

Row = Mapping[str, str]
Key = tuple[str, str, str, str]

FIRST, LAST = OLD.date() - timedelta(days=1), NOW.date()
MIDNIGHT = datetime(NOW.year, NOW.month, NOW.day, tzinfo=UTC) - timedelta(days=2)


def costs() -> list[Plain]:
    """Return calls with every kind of cost: over midnight, charged, voided before and after archiving."""
    over_midnight: Plain = {"call": "night", "user": "=1+1"}
    at, later = MIDNIGHT - timedelta(minutes=1), MIDNIGHT + timedelta(minutes=1)
    return [
        *calls(),
        started(**over_midnight, time=at, tags={"team": "red;blue"}),
        cost(
            **over_midnight,
            time=at,
            usage="999999999999.000000000000000000000000000001",
            totalCost="0",
        ),
        cost(**over_midnight, time=at, usage=f"0.{'3' * 30}"),
        cost(**over_midnight, time=later, totalCost="0.000000001"),
        charged(**over_midnight, time=later, amount="9.99"),
        ended(**over_midnight, time=later),
    ]


def late_voids(events: Iterable[Plain]) -> list[Plain]:
    """Return voids of the first cost of each call."""
    first: dict[str, Plain] = {}
    for event in events:
        if event["type"] == "cost.recorded":
            first.setdefault(event["data"]["callId"], event)
    return [
        voided(event, call=call, user=event["data"]["userId"], time=NOW)
        for call, event in first.items()
        if call in {"call-0", "call-2"}
    ]


@pytest.fixture
async def ledger(database_url: str, tmp_path: Path) -> list[Plain]:
    """A ledger with an archived month, of which a cost was voided since."""
    events = costs()
    await record(database_url, events)
    await archive(database_url, tmp_path / "archive")
    voids = late_voids(events)
    await record(database_url, voids)
    return events + voids


def sums_of(rows: Iterable[Row]) -> dict[Key, int]:
    """Return the nano-dollars by user, day, persona and service, without zeros."""
    sums: Counter[Key] = Counter()
    for row in rows:
        user = row["SubAccountId"].removeprefix("'")
        key = user, row["x_EventTime"][:10], row["x_PersonaId"], row["ServiceName"]
        sums[key] += int(Decimal(row["BilledCost"]).scaleb(9))
    return {key: nano for key, nano in sums.items() if nano}


async def ledger_sums(database_url: str) -> dict[Key, int]:
    query = "SELECT user_id, day::text, persona_id, service, cost_nano FROM user_day_costs WHERE cost_nano <> 0"
    return {tuple(row)[:4]: row[4] for row in await fetch(database_url, query)}


def read_csv(text: str) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(text, newline="")))


async def exported(
    url: str, to: Path, user: str | None = None, file_type: FileType = "csv"
) -> list[dict[str, str]]:
    written = await export_costs(as_login(url, "operator"), user, (FIRST, LAST), to, file_type)
    rows = read_csv(written.path.read_text())
    assert len(rows) == written.rows
    return rows


async def test_export_equals_the_ledger_and_has_each_cost_once(
    database_url: str, ledger: list[Plain], tmp_path: Path
) -> None:
    rows = await exported(database_url, tmp_path)
    expected = await ledger_sums(database_url)
    assert sums_of(rows) == expected
    assert len({row["x_RowId"] for row in rows}) == len(rows)
    kinds = Counter(row["x_Kind"] for row in rows)
    assert set(kinds) == {
        "cost.recorded", "call.charged", "call.infrastructure", "archived.costs", "archived.voided",
    }  # fmt: skip
    gone = {event["data"]["voids"]["id"] for event in ledger if event["type"] == "cost.voided"}
    sent = {
        event["id"]
        for event in ledger
        if event["type"] == "cost.recorded" and event["time"] > OLD + timedelta(days=1)
    }
    found = Counter(row["x_EventId"] for row in rows if row["x_Kind"] == "cost.recorded")
    assert set(found) <= sent - gone
    assert set(found.values()) == {1}
    total, counted = sum(expected.values()), sum(sums_of(rows).values())
    parts.figures.append(
        f"FOCUS: {len(rows)} rows, {counted} nano-dollars, ledger {total}, difference {counted - total}"
    )


async def test_export_of_a_user_or_of_days_has_only_those(
    database_url: str, ledger: list[Plain], tmp_path: Path
) -> None:
    expected = await ledger_sums(database_url)
    for user in {key[0] for key in expected}:
        of_user = {key: nano for key, nano in expected.items() if key[0] == user}
        assert sums_of(await exported(database_url, tmp_path, user)) == of_user
    for day in {key[1] for key in expected}:
        days = (date.fromisoformat(day),) * 2
        written = await export_costs(database_url, None, days, tmp_path, "csv")
        of_day = {key: nano for key, nano in expected.items() if key[1] == day}
        assert sums_of(read_csv(written.path.read_text())) == of_day


async def test_difference_from_the_totals_prevents_the_file(
    database_url: str, ledger: list[Plain], tmp_path: Path
) -> None:
    change = "UPDATE user_day_costs SET cost_nano = cost_nano + 1 WHERE ctid = (SELECT min(ctid) FROM user_day_costs)"
    await fetch(database_url, change)
    with pytest.raises(CommandError, match="No file was written"):
        await exported(database_url, tmp_path / "archive")
    assert not list((tmp_path / "archive").glob("*focus*"))
    assert not list((tmp_path / "archive").glob(".focus*"))


async def test_command_writes_months(
    database_url: str, ledger: list[Plain], tmp_path: Path
) -> None:
    words = ("export", "--format", "focus", "--from", f"{FIRST:%Y-%m}", "--to", f"{LAST:%Y-%m}")
    done = run_command(*words, values={"DATABASE_URL": database_url}, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    rows = read_csv((tmp_path / done.stdout.strip()).read_text())
    assert sums_of(rows) == await ledger_sums(database_url)
    assert " USD" in done.stderr
    before = run_command(
        "export", "--format", "focus", "--from", "2026-02", "--to", "2026-01",
        values={"DATABASE_URL": database_url}, cwd=tmp_path,
    )  # fmt: skip
    assert (before.returncode, before.stderr) == (
        1, "cost-analytics: --to must not be before --from.\n",
    )  # fmt: skip


async def test_roundings_are_adjustments_and_late_prices_replace_costs(
    database_url: str, tmp_path: Path
) -> None:
    since, scope = NOW - timedelta(days=3), RepricingScope(NOW - timedelta(days=3), NOW)
    increments = Increments(60, 60)
    await add(database_url, a_price("acme", "0.60", since, increments=increments))
    of_call: Plain = {"call": "rounded", "user": "alice", "time": NOW - timedelta(hours=1)}
    usage = cost(**of_call, service="acme", operation="talk", usage="0.5", legId="leg-1")
    await record(database_url, [started(**of_call), usage, ended(**of_call)])
    for billed, rounded, is_late in (("0.3", "0.3", False), ("0.6", "0.6", True)):
        if is_late:
            await add(
                database_url,
                a_price("acme", "1.20", since + timedelta(days=1), increments=increments),
            )
            await Repricer(database_url).apply(scope)
        rows = await exported(database_url, tmp_path, "alice")
        [rounding] = [row for row in rows if row["x_Kind"] == "call.rounded"]
        [recorded] = [row for row in rows if row["x_Kind"] == "cost.recorded"]
        assert (rounding["ChargeCategory"], recorded["ChargeCategory"]) == ("Adjustment", "Usage")
        assert (rounding["BilledCost"], rounding["x_LegId"]) == (rounded, "leg-1")
        assert (recorded["BilledCost"], recorded["ConsumedQuantity"]) == (billed, "0.5")
        assert (recorded["x_Source"] == RERATE_SOURCE) is is_late
        assert sums_of(rows) == await ledger_sums(database_url)


async def test_parquet_has_the_rows_of_csv(
    database_url: str, ledger: list[Plain], tmp_path: Path
) -> None:
    rows = await exported(database_url, tmp_path)
    url = as_login(database_url, "operator")
    written = await export_costs(url, None, (FIRST, LAST), tmp_path, "parquet")
    table = parquet.read_table(written.path)
    assert table.schema.field("BilledCost").type == pa.decimal128(38, 9)
    assert Decimal("0.333333333333333333") in table["ConsumedQuantity"].to_pylist()
    of_csv = {row["x_RowId"]: Decimal(row["BilledCost"]) for row in rows}
    found = zip(table["x_RowId"].to_pylist(), table["BilledCost"].to_pylist(), strict=True)
    assert dict(found) == of_csv
    assert table.num_rows == written.rows == len(rows)
    assert "=1+1" in table["SubAccountId"].to_pylist()
    [guarded] = {row["SubAccountId"] for row in rows if "1+1" in row["SubAccountId"]}
    assert guarded == "'=1+1"


async def test_memory_does_not_grow_with_the_rows(database_url: str, tmp_path: Path) -> None:
    copy = """INSERT INTO call_cost_events (identity, source, event_id, type, time, user_id, call_id, service, cost_nano)
              SELECT gen_random_uuid(), 'tests', $1 || '/' || n, 'cost.recorded', $2, 'user-1', 'call-1', 'twilio', 0
              FROM generate_series(1, $3::integer) AS n"""
    await record(database_url, calls(2))
    peaks, counts = [], []
    for number, added in enumerate((5_000, 10_000)):
        await fetch(database_url, copy, f"e{number}", NOW, added)
        tracemalloc.start()
        written = await export_costs(database_url, None, (FIRST, LAST), tmp_path, "csv")
        peaks.append(tracemalloc.get_traced_memory()[1])
        tracemalloc.stop()
        counts.append(written.rows)
    parts.figures.append(
        f"FOCUS, CSV: {counts[0]:,} rows with at most {peaks[0]:,} bytes in memory, "
        f"{counts[1]:,} rows with {peaks[1]:,}"
    )
    assert counts[1] > 2.5 * counts[0]
    assert peaks[1] < 1.3 * peaks[0]
