"""Waits between retries are bounded, whatever a server asks for."""

from email.utils import formatdate
from time import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cost_analytics_emitter.backoff import RETRY_AFTER_SECONDS_MAX, Backoff, retry_after_seconds


@pytest.mark.parametrize(
    ("header", "seconds"),
    [
        (None, 0),
        ("", 0),
        (" 7 ", 7),
        ("9" * 5_000, RETRY_AFTER_SECONDS_MAX),
        ("-1", 0),
        ("1e3", 0),
        ("\u0661\u0662", 0),
        ("Wed, 21 Oct 2015 07:28:00 GMT", 0),
        ("Wed, 99 Foo 2015 77:28:00 GMT", 0),
    ],
)
def test_retry_after_is_a_number_of_seconds(header: str | None, seconds: float) -> None:
    assert retry_after_seconds(header) == seconds


@given(st.text() | st.from_regex(r"\w{3}, \d{1,2} \w{3} \d{2,4} [\d:]+ ?[\w+-]*", fullmatch=True))
def test_any_retry_after_gives_a_bounded_wait(header: str) -> None:
    assert 0 < Backoff().next_seconds(retry_after_seconds(header)) <= RETRY_AFTER_SECONDS_MAX


@pytest.mark.parametrize("zone", [" GMT", " +0000", " -0000", ""])
def test_retry_after_is_a_date_in_utc(zone: str) -> None:
    text = formatdate(time() + 100, usegmt=True).removesuffix(" GMT") + zone
    assert 0 < retry_after_seconds(text) <= 100
