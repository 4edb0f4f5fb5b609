"""Money is exact: written, read back and rounded as with decimals."""

import re
from decimal import ROUND_HALF_EVEN, Decimal, localcontext
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from schemas.jsonio import decode, encode
from schemas.money import (
    MAX_EVENT_NANO,
    Usd,
    half_even,
    nano_from_usd,
    percent_text,
    ratio_decimal,
    usd_text,
)

PLAIN_NUMBER = re.compile(r"-?(0|[1-9]\d*)(\.\d{0,8}[1-9])?")
nanos = st.integers(-(10**20), 10**20)
positive = st.integers(1, 10**20)


def rounded(number: Fraction, places: int) -> Decimal:
    """Round with the decimal module, without losing digits before."""
    with localcontext(prec=200):
        quotient = Decimal(number.numerator) / Decimal(number.denominator)
        return quotient.quantize(Decimal(1).scaleb(-places), ROUND_HALF_EVEN)


@pytest.mark.parametrize(
    ("nano", "text"),
    [
        (0, "0"),
        (1, "0.000000001"),
        (900_000_000, "0.9"),
        (4_990_000_000, "4.99"),
        (-4_990_000_000, "-4.99"),
        (-1, "-0.000000001"),
        (10**9, "1"),
        (10**20, "100000000000"),
        (10**18 + 10, "1000000000.00000001"),
    ],
)
def test_money_is_written_as_text(nano: int, text: str) -> None:
    assert usd_text(nano) == text


@given(nanos)
def test_money_text_is_exact_and_can_be_read_back(nano: int) -> None:
    text = usd_text(nano)
    assert PLAIN_NUMBER.fullmatch(text)
    assert Fraction(text) == Fraction(nano, 10**9)
    assert nano_from_usd(Decimal(text)) == nano


@given(nanos)
def test_money_is_an_exact_json_number(nano: int) -> None:
    body = encode({"total": Usd(nano)})
    assert body == f'{{"total":{usd_text(nano)}}}'.encode()
    assert decode(dict[str, Usd], body) == {"total": Usd(nano)}


@given(nanos, positive)
def test_rounding_agrees_with_decimals(numerator: int, denominator: int) -> None:
    assert half_even(numerator, denominator) == rounded(Fraction(numerator, denominator), 0)


@given(st.integers(-(10**18), 10**18), positive)
def test_halves_are_rounded_to_even(whole: int, denominator: int) -> None:
    """Random quotients are rarely halves; these all are."""
    result = half_even((2 * whole + 1) * denominator, 2 * denominator)
    assert result % 2 == 0
    assert abs(Fraction(result) - Fraction(2 * whole + 1, 2)) == Fraction(1, 2)


@given(st.decimals(0, 10**9, allow_nan=False, allow_infinity=False) | st.integers(0, 10**9))
def test_dollars_are_converted_to_nano_dollars(dollars: int | Decimal) -> None:
    assert nano_from_usd(dollars) == rounded(Fraction(dollars) * 10**9, 0)


def test_largest_amount_of_an_event_fits_a_bigint() -> None:
    assert nano_from_usd(10**9) == MAX_EVENT_NANO < 2**63


@pytest.mark.parametrize(
    ("part", "whole", "text"),
    [
        (409, 499, "81.96%"),
        (0, 499, "0.00%"),
        (5, 0, "0.00%"),
        (-5, 0, "0.00%"),
        (-1, 3, "-33.33%"),
        (1, -3, "-33.33%"),
        (-1, -3, "33.33%"),
        (-1, 10**9, "0.00%"),
        (1, 20_000, "0.00%"),
        (3, 20_000, "0.02%"),
        (10, 1, "1000.00%"),
    ],
)
def test_percentage_is_written_as_text(part: int, whole: int, text: str) -> None:
    assert percent_text(part, whole) == text


@given(nanos, nanos.filter(bool))
def test_percentages_are_rounded_half_even_once(part: int, whole: int) -> None:
    hundredths = rounded(Fraction(part, whole) * 10_000, 0)
    expected = (hundredths.scaleb(-2) or Decimal(0)).quantize(Decimal("0.01"))
    assert percent_text(part, whole) == f"{expected}%"
    assert ratio_decimal(part, whole) == rounded(Fraction(part, whole), 6)
