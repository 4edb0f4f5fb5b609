"""Listings are lines for people, and with --json objects for programs."""

import argparse
import json
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from cost_analytics.cli import COMMANDS, DEVELOPMENT, command_module
from tests.support.command import run_command

BILL = "service,date,amount_usd\ntwilio,2026-01-31,0.123456789\n"


def rows(*words: str, database_url: str, cwd: Path) -> list[dict[str, Any]]:
    done = run_command(*words, "--json", values={"DATABASE_URL": database_url}, cwd=cwd)
    assert done.returncode == 0, done.stderr
    return [json.loads(line, parse_float=Decimal) for line in done.stdout.splitlines()]


def listings(parser: argparse.ArgumentParser, words: tuple[str, ...]) -> Iterator[tuple[str, ...]]:
    """Yield the commands that are named `list`, and their options."""
    if words[-1] == "list":
        yield words
    for action in parser._actions:
        if isinstance(action, argparse._SubParsersAction):
            for name, child in action.choices.items():
                yield from listings(child, (*words, name))


def all_listings() -> list[tuple[str, ...]]:
    found: list[tuple[str, ...]] = []
    for name in COMMANDS.keys() - DEVELOPMENT:
        parser = argparse.ArgumentParser(prog=name)
        command_module(name).configure(parser)
        found += listings(parser, (name,))
    return sorted(found)


@pytest.mark.parametrize("words", all_listings(), ids=" ".join)
def test_every_listing_has_json_and_nothing_of_an_empty_ledger_but_objects(
    words: tuple[str, ...], database_url: str, tmp_path: Path
) -> None:
    for row in rows(*words, database_url=database_url, cwd=tmp_path):
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
