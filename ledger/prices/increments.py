"""Billing increments of a price: vendors round the duration of a leg up before they price it.

A price of a time unit may have a minimum and an increment, both in seconds: 60/60 bills whole
minutes, 30/6 bills at least 30 seconds and then steps of 6 seconds. They apply to a whole leg
(`ledger.calls.legs`), not to each event.
"""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from fractions import Fraction
from math import ceil
from typing import Final, NamedTuple

from schemas.money import NANO_PER_USD, half_even
from schemas.prices import INCREMENT_SECONDS_MAX

FIELDS: Final = ("minimum_seconds", "increment_seconds")
"""Their columns in a price file, and in the table of prices."""

UNIT_SECONDS: Final[Mapping[str, int]] = {"seconds": 1, "minutes": 60, "audio_seconds": 1}
"""The units of time, in seconds. Only a price of one of them has increments."""


class Increments(NamedTuple):
    """The minimum and the increment of a price in seconds; 0 if there is none."""

    minimum_seconds: int = 0
    increment_seconds: int = 0

    def round_up(self, seconds: Fraction) -> Fraction:
        """Return the billed duration of a leg; a leg without usage is not billed."""
        if seconds == 0:
            return seconds
        step = self.increment_seconds
        billed = Fraction(ceil(seconds / step) * step) if step else seconds
        return max(Fraction(self.minimum_seconds), billed)

    def __str__(self) -> str:
        """Return them as text for people; empty if there are none."""
        minimum, step = self
        if not step:
            return f"billed at least {minimum} s" if minimum else ""
        at_least = f", at least {minimum} s" if minimum > step else ""
        return f"billed in {step} s steps{at_least}"


NO_INCREMENTS: Final = Increments()


class LegPrice(NamedTuple):
    """A row of the catalogue as the price of a leg, in nano-dollars per second."""

    per_second: Fraction
    increments: Increments

    def cost_nano(self, seconds: Fraction) -> int:
        """Return the cost of a billed duration in nano-dollars, rounded half-even."""
        cost = self.per_second * seconds
        return half_even(cost.numerator, cost.denominator)


def leg_price(price_usd: Decimal, per_units: int, unit: str, increments: Increments) -> LegPrice:
    """Return the leg's price of a row whose `unit` is a unit of time."""
    usd, per_usd = price_usd.as_integer_ratio()
    per_second = Fraction(usd * NANO_PER_USD, per_usd * per_units * UNIT_SECONDS[unit])
    return LegPrice(per_second, increments)


def increments_from(fields: Mapping[str, str], unit: str) -> tuple[Increments, list[str]]:
    """Return the increments in a row's text fields, and a sentence for each error."""
    reasons: list[str] = []
    values = [_seconds(fields.get(name, "").strip(), name, reasons) for name in FIELDS]
    increments = Increments(*values)
    if increments != NO_INCREMENTS and unit not in UNIT_SECONDS:
        reasons.append(
            f"Only prices per {', '.join(UNIT_SECONDS)} have minimum_seconds or increment_seconds."
        )
    return increments, reasons


def _seconds(text: str, name: str, reasons: list[str]) -> int:
    if not text:
        return 0
    if text.isascii() and text.isdigit() and int(text[:20]) <= INCREMENT_SECONDS_MAX:
        return int(text)
    reasons.append(f"{name} must be a whole number from 0 to {INCREMENT_SECONDS_MAX}.")
    return 0
