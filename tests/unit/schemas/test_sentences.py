"""Amounts, shares, services and days in sentences."""

from __future__ import annotations

import re
from datetime import date
from decimal import Decimal
from pathlib import Path

import pytest

from schemas import sentences

WEB_NAMES = Path(__file__).parents[3] / "web/src/format/names.ts"


@pytest.mark.parametrize(
    ("nano", "text"),
    [
        (0, "$0.00"),
        (1, "$0.000000001"),
        (66_400_000, "$0.066"),
        (50_000_000, "$0.05"),
        (20_000_000, "$0.02"),
        (99_900_000, "$0.10"),
        (112_840_000, "$0.11"),
        (4_052_292_767, "$4.05"),
        (999_995_000_000, "$1,000.00"),
        (-1_234_567_890_000, "-$1,234.57"),
    ],
)
def test_amounts_have_cents_or_two_significant_digits(nano: int, text: str) -> None:
    assert sentences.dollars(nano) == text


def test_shares_factors_and_numbers_are_short() -> None:
    assert sentences.percentage(Decimal("87.50")) == "87.5%"
    assert sentences.whole_percent(9_196, 15_449) == "60%"
    assert sentences.whole_percent(1, 0) == "0%"
    assert [sentences.times(n, 10)[:-1] for n in (20, 144, 96, 300)] == ["2", "14", "9.6", "30"]
    assert sentences.number_text(Decimal("2460000.50")) == "2,460,000.5"


def test_days_and_months_have_names() -> None:
    assert sentences.day_name(date(2026, 11, 9)) == "November 9, 2026"
    assert sentences.month_name(date(2026, 11, 1)) == "November 2026"


def test_services_are_spelled_as_in_the_dashboard() -> None:
    table = re.search(r"SERVICES[^{]*\{(.*?)\}", WEB_NAMES.read_text(), re.DOTALL)
    assert table is not None
    names = dict(re.findall(r'(\w+): "([^"]+)"', table[1]))
    assert len(names) >= 9
    assert {service: sentences.service_name(service) for service in names} == names
    assert sentences.service_name("acme") == "Acme"


@pytest.mark.parametrize(
    ("nano", "text"),
    [
        (0, "$0.00"),
        (20_000_000_000, "$20.00"),
        (1_234_500_000_001, "$1,234.500000001"),
        (-29_400_000_000, "-$29.40"),
    ],
)
def test_exact_amounts_keep_all_decimals(nano: int, text: str) -> None:
    assert sentences.exact_dollars(nano) == text
