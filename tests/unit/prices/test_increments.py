"""Billing increments: the billed duration, their columns, and sources that do not state them."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from fractions import Fraction

import pytest

from cost_analytics.failures import CommandError
from cost_analytics.price_files import as_csv, read_prices
from cost_analytics.price_listing import as_table
from ledger.prices.changes import KnownPrice, classify_rows
from ledger.prices.entry import ListedPrice
from ledger.prices.increments import Increments
from ledger.prices.rows import PriceRow

NOW = datetime(2026, 1, 1, tzinfo=UTC)
HEAD = "service,operation,unit,price_usd,effective_from,minimum_seconds,increment_seconds\n"
MINUTES = Increments(60, 60)


@pytest.mark.parametrize(
    ("increments", "seconds", "billed"),
    [
        (MINUTES, "0", "0"),
        (MINUTES, "0.001", "60"),
        (MINUTES, "60", "60"),
        (MINUTES, "60.0000001", "120"),
        (Increments(30, 6), "29", "30"),
        (Increments(30, 6), "31", "36"),
        (Increments(1, 1), "89.5", "90"),
        (Increments(15, 0), "3", "15"),
        (Increments(15, 0), "15.25", "15.25"),
    ],
)
def test_duration_is_rounded_up_to_increment_and_minimum(
    increments: Increments, seconds: str, billed: str
) -> None:
    assert increments.round_up(Fraction(seconds)) == Fraction(billed)


def test_increments_are_read_and_written_as_columns() -> None:
    rows = read_prices(
        HEAD
        + "twilio,voice,minutes,0.014,2026-01-01,60,60\n"
        + "telnyx,voice,seconds,0.0001,2026-01-01,30,6\n"
        + "vapi,voice,minutes,0.05,2026-01-01,,\n",
        "f",
    )
    assert [row.increments for row in rows] == [MINUTES, Increments(30, 6), Increments()]
    listed = [ListedPrice(row, "in force", "me", 1, NOW, NOW) for row in rows]
    assert read_prices(as_csv(listed), "f") == rows
    table = as_table(listed, NOW)
    assert "minutes (billed in 60 s steps)" in table
    assert "seconds (billed in 6 s steps, at least 30 s)" in table


@pytest.mark.parametrize(
    ("cells", "reason"),
    [
        ("openai,tts,characters,1,2026-01-01,60,60", "Only prices per seconds, minutes"),
        ("twilio,voice,minutes,1,2026-01-01,0.5,60", "minimum_seconds must be a whole number"),
        ("twilio,voice,minutes,1,2026-01-01,60,6000", "increment_seconds must be a whole number"),
        ("twilio,voice,minutes,1,2026-01-01,-1,60", "minimum_seconds must be a whole number"),
    ],
)
def test_invalid_increments_are_refused(cells: str, reason: str) -> None:
    with pytest.raises(CommandError, match=reason):
        read_prices(f"{HEAD}{cells}\n", "f")


def test_a_source_that_states_no_increments_keeps_them() -> None:
    known = PriceRow("twilio", "api", "outbound_call", "*", "minutes", Decimal("0.014"), 1, NOW, "list",
                     increments=MINUTES)  # fmt: skip
    same = known._replace(increments=Increments(), effective_from=NOW + timedelta(days=1))
    newer = same._replace(price_usd=Decimal("0.015"))
    catalogue = {known.key: [KnownPrice(1, known)]}
    assert classify_rows([same], catalogue, from_source=True).verified == [KnownPrice(1, known)]
    [accepted] = classify_rows([newer], catalogue, from_source=True).accepted
    assert accepted.increments == MINUTES
    assert classify_rows([same], catalogue).accepted == [same]
