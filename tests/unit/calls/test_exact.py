"""Numbers other than money are written exactly, in plain digits."""

import json
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from schemas.exact import Exact, exact_text
from schemas.jsonio import encode

bounded = st.decimals(
    allow_nan=False, allow_infinity=False, min_value=-(10**15), max_value=10**15, places=12
) | st.integers(-(10**18), 10**18).map(Decimal)


@given(bounded)
def test_numbers_are_exact_without_padding(value: Decimal) -> None:
    text = exact_text(value)
    assert Decimal(text) == value
    assert "e" not in text.lower()
    assert "." not in text or not text.endswith(("0", "."))
    assert json.loads(encode(Exact(value)), parse_float=Decimal, parse_int=Decimal) == value


@pytest.mark.parametrize(
    ("value", "text"),
    [("1E-7", "0.0000001"), ("80.000", "80"), ("1E+3", "1000"), ("-0", "0"), ("0E-9", "0")],
)
def test_numbers_are_written_in_plain_digits(value: str, text: str) -> None:
    assert exact_text(Decimal(value)) == text


@pytest.mark.parametrize("value", ["NaN", "Infinity", "-Infinity"])
def test_nan_and_infinity_are_refused(value: str) -> None:
    with pytest.raises(ValueError, match="no JSON form"):
        exact_text(Decimal(value))


def test_milliseconds_are_written_as_seconds() -> None:
    assert [encode(Exact.of_milliseconds(ms)) for ms in (300_000, 1_500, 1)] == [
        b"300",
        b"1.5",
        b"0.001",
    ]
