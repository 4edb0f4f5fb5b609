"""Submitted prices are classified by comparison with the price in force."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ledger.prices.changes import (
    STALE_AFTER,
    KnownPrice,
    change_percent,
    classify_rows,
    is_large,
)
from ledger.prices.entry import ListedPrice
from ledger.prices.rows import PriceRow

START = datetime(2026, 1, 1, tzinfo=UTC)
NOW = datetime(2026, 6, 1, tzinfo=UTC)


def row(usd: str, since: datetime = NOW, per: int = 1, **changes: Any) -> PriceRow:
    made = PriceRow("twilio", "api", "outbound_call", "*", "minutes", Decimal(usd), per, since, "s")
    return made._replace(**changes)


KNOWN = KnownPrice(1, row("0.014", START))
CATALOGUE = {KNOWN.row.key: [KNOWN]}


@pytest.mark.parametrize(
    ("usd", "per", "large", "percent"),
    [
        ("0.0175", 1, False, "25.00"),
        ("0.01750000001", 1, True, "25.0000001"),
        ("0.0175000011662", 1, True, "25.00001"),
        ("0.01049999999", 1, True, "-25.0000001"),
        ("0.0105", 1, False, "-25.00"),
        ("0.0104", 1, True, "-25.71"),
        ("14", 1000, False, "0.00"),
        ("17.6", 1000, True, "25.71"),
        ("0", 1, True, "-100.00"),
    ],
)
def test_change_above_a_quarter_is_large(usd: str, per: int, large: bool, percent: str) -> None:
    assert is_large(row(usd, per=per), KNOWN.row) is large
    assert change_percent(row(usd, per=per), KNOWN.row) == Decimal(percent)


def test_change_from_zero_is_large() -> None:
    free = row("0", START)
    assert is_large(row("0.000001"), free)
    assert change_percent(row("0.000001"), free) is None
    assert not is_large(row("0"), free)


def test_small_changes_are_added_and_large_ones_are_pending() -> None:
    small, large = row("0.015"), row("0.15", NOW + timedelta(days=1))
    found = classify_rows([large, small], CATALOGUE)
    assert found.accepted == [small]
    assert [(one.row, one.in_force.row) for one in found.pending] == [(large, small)]
    assert classify_rows([large], CATALOGUE, approved=True).accepted == [large]


def test_change_is_measured_against_the_price_in_force() -> None:
    later = KnownPrice(2, row("1", NOW + timedelta(days=5)))
    known = {KNOWN.row.key: [later, KNOWN]}
    assert classify_rows([row("0.015")], known).pending == []
    assert (
        classify_rows([row("0.015", NOW + timedelta(days=6))], known).pending[0].in_force == later
    )


def test_first_price_of_an_operation_is_added() -> None:
    new = row("9", service="whisper")
    assert classify_rows([new], CATALOGUE).accepted == [new]


def test_source_verifies_known_prices_and_file_adds_them() -> None:
    same = row("0.0140")
    assert classify_rows([same], CATALOGUE, from_source=True).verified == [KNOWN]
    assert classify_rows([same], CATALOGUE).accepted == [same]
    assert classify_rows([KNOWN.row], CATALOGUE).verified == [KNOWN]


def test_contradicting_price_is_passed_to_the_catalogue() -> None:
    assert classify_rows([row("5", START)], CATALOGUE).accepted == [row("5", START)]


def test_price_unverified_for_ninety_days_is_stale() -> None:
    def listed(state: Any, verified_at: datetime) -> ListedPrice:
        return ListedPrice(KNOWN.row, state, "me", 1, START, verified_at)

    assert timedelta(days=90) == STALE_AFTER
    assert not listed("in force", NOW - STALE_AFTER).stale(NOW)
    assert listed("in force", NOW - STALE_AFTER - timedelta(seconds=1)).stale(NOW)
    assert not listed("past", START).stale(NOW)


prices = st.decimals(0, 100, places=6)


@given(entries=st.lists(st.tuples(prices, st.integers(1, 50)), max_size=8))
def test_each_row_is_classified_once(
    entries: list[tuple[Decimal, int]],
) -> None:
    rows = {day: row(str(usd), START + timedelta(days=day)) for usd, day in entries}
    found = classify_rows(list(rows.values()), CATALOGUE)
    assert len(found.verified) + len(found.accepted) + len(found.pending) == len(rows)
    before = KNOWN.row
    for added in found.accepted:
        assert not is_large(added, before)
        before = added


def test_a_source_brings_its_history() -> None:
    """Prices from before the catalogue's first are entered; later ones are compared with it."""
    days = [START - timedelta(days=2), START - timedelta(days=1), NOW, NOW + timedelta(days=1)]
    first, halved, same, doubled = map(row, ("0.02", "0.01", "0.014", "0.028"), days)
    found = classify_rows([first, halved, same, doubled], CATALOGUE, from_source=True)
    assert found.accepted == [first, halved]
    assert found.verified == [KNOWN]
    assert [one.row for one in found.pending] == [doubled]
    again = row("0.028", NOW + timedelta(days=2))
    assert classify_rows([doubled, again], CATALOGUE, from_source=True).pending == found.pending


def test_history_that_contradicts_the_catalogue_is_counted_only() -> None:
    other = row("0.015", START)
    found = classify_rows([other, row("0.015")], CATALOGUE, from_source=True)
    assert found.contradicting == [other]
    assert found.accepted == [row("0.015")]
