"""Exported files keep the rules of FOCUS 1.2, and the documented statements of DuckDB run on them."""

import csv
import io
import re
from datetime import timedelta
from decimal import Decimal
from pathlib import Path

import pytest

from cost_analytics.focus_files import FileType, export_costs
from tests.integration.archives.test_archiving import OLD, calls, record
from tests.support import parts
from tests.support.archives import NOW, archive
from tests.support.focus import failed_rules, run_duckdb
from tests.support.house import ROOT
from tests.support.recording import fetch

DAYS = OLD.date() - timedelta(days=1), NOW.date()
RULES_KEPT_MIN = 100


async def export(database_url: str, directory: Path, file_type: FileType) -> Path:
    return (await export_costs(database_url, None, DAYS, directory, file_type)).path


@pytest.fixture
async def ledger(database_url: str, tmp_path: Path) -> None:
    await record(database_url, calls())
    await archive(database_url, tmp_path / "archive")


@pytest.mark.usefixtures("ledger")
@pytest.mark.timeout(300)
@pytest.mark.parametrize("file_type", ["csv", "parquet"])
async def test_files_keep_the_rules_of_focus(
    database_url: str, tmp_path: Path, file_type: FileType
) -> None:
    failed, kept = failed_rules(await export(database_url, tmp_path, file_type))
    assert failed == set()
    assert kept > RULES_KEPT_MIN
    parts.figures.append(f"FOCUS 1.2, {file_type}: {kept} rules kept, {len(failed)} broken")


@pytest.mark.usefixtures("ledger")
@pytest.mark.timeout(300)
async def test_validator_finds_planted_faults(database_url: str, tmp_path: Path) -> None:
    file = await export(database_url, tmp_path, "csv")
    rows = list(csv.DictReader(io.StringIO(file.read_text(), newline="")))
    rows[0]["BillingPeriodStart"] = "November"
    rows[1]["BillingCurrency"] = "Dollar"
    with file.open("w", newline="") as changed:
        names = [name for name in rows[0] if name != "ServiceName"]
        writer = csv.DictWriter(changed, names, extrasaction="ignore")
        writer.writeheader()
        writer.writerows(rows)
    failed, _ = failed_rules(file)
    columns = {rule.split("-")[0] for rule in failed}
    assert {"BillingPeriodStart", "BillingCurrency", "ServiceName"} <= columns


@pytest.mark.usefixtures("ledger")
async def test_documented_statements_run_and_sum_exactly(database_url: str, tmp_path: Path) -> None:
    (tmp_path / "exports").mkdir()
    for file_type in ("csv", "parquet"):
        await export(database_url, tmp_path / "exports", file_type)
    page = (ROOT / "docs" / "finops.md").read_text()
    statements = re.findall(r"```sql\n(.*?)```", page, re.DOTALL)
    assert len(statements) == 4
    [[nano]] = await fetch(database_url, "SELECT sum(cost_nano) FROM user_day_costs")
    for statement in statements:
        shown = run_duckdb(statement, tmp_path)
        costs = re.findall(r"Decimal\('(-?[\d.E-]+)'\)", shown)
        assert sum(map(Decimal, costs)) == Decimal(nano).scaleb(-9), shown
