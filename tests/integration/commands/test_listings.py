"""Listings are lines for people, and with --json objects for programs."""

import json
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from cost_analytics.cli import COMMANDS, DEVELOPMENT, main
from tests.support.command import run_command

BILL = "service,date,amount_usd\ntwilio,2026-01-31,0.123456789\n"


def rows(*words: str, database_url: str, cwd: Path) -> list[dict[str, Any]]:
    done = run_command(*words, "--json", values={"DATABASE_URL": database_url}, cwd=cwd)
    assert done.returncode == 0, done.stderr
    return [json.loads(line, parse_float=Decimal) for line in done.stdout.splitlines()]


@pytest.fixture
def listings(capsys: pytest.CaptureFixture[str]) -> dict[tuple[str, ...], str]:
    """The help of each command that is named `list`."""
    found: dict[tuple[str, ...], str] = {}
    commands: list[tuple[str, ...]] = [
        (name,) for name in sorted(COMMANDS.keys() - DEVELOPMENT)
    ] + [("prices", "alias")]
    for command in commands:
        with pytest.raises(SystemExit) as ended:
            main([*command, "list", "--help"])
        shown = capsys.readouterr().out
        if ended.value.code == 0 and " list [-h]" in shown:
            found[command] = shown
    return found


def test_every_listing_has_json_and_prints_nothing_but_objects(
    listings: dict[tuple[str, ...], str], database_url: str, tmp_path: Path
) -> None:
    assert len(listings) >= 11
    for command, shown in listings.items():
        assert "--json" in shown, command
        user = ("alice",) if " USER" in shown.partition("\n")[0] else ()
        for row in rows(*command, "list", *user, database_url=database_url, cwd=tmp_path):
            assert row
            assert all("_" not in name for name in row)


def test_amounts_and_times_of_a_listing_are_exact(database_url: str, tmp_path: Path) -> None:
    run_command(
        "bills", "import", "-", "--set-by", "ann",
        values={"DATABASE_URL": database_url}, cwd=tmp_path, stdin=BILL.encode(),
    )  # fmt: skip
    [bill] = rows("bills", "list", database_url=database_url, cwd=tmp_path)
    assert bill["amountUsd"] == Decimal("0.123456789")
    assert (bill["importedBy"], bill["firstDay"], bill["services"]) == (
        "ann",
        "2026-01-31",
        ["twilio"],
    )
    assert bill["importedAt"].endswith("Z")


def test_prices_of_a_listing_have_their_row_beside_their_state(
    database_url: str, tmp_path: Path
) -> None:
    prices = rows("prices", "list", database_url=database_url, cwd=tmp_path)
    [price] = [p for p in prices if (p["service"], p["operation"]) == ("twilio", "outbound_call")]
    assert (price["state"], price["perUnits"]) == ("in force", 1)
    assert isinstance(price["priceUsd"], Decimal)
