"""Tariffs: the rates of a kind of usage, found once and used for each of its events."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from decimal import Decimal
from typing import NamedTuple

from ledger.prices.conditions import Conditions, matching_destinations
from ledger.prices.increments import NO_INCREMENTS, Increments
from schemas.events import NO_CONTEXT, PriceContext
from schemas.money import half_even


class Rate(NamedTuple):
    """Nano-dollars per unit as a reduced fraction, the id of the catalogue row, its increments."""

    price_id: int
    numerator: int
    denominator: int
    increments: Increments = NO_INCREMENTS

    def cost_nano(self, usage: int | Decimal) -> int:
        """Return the cost of a usage in nano-dollars, rounded half-even once, at the end."""
        if isinstance(usage, int):
            if self.denominator == 1:
                return usage * self.numerator
            return half_even(usage * self.numerator, self.denominator)
        numerator, denominator = usage.as_integer_ratio()
        return half_even(numerator * self.numerator, denominator * self.denominator)


class ConditionalRate(NamedTuple):
    """A rate since a time, and the conditions of its row."""

    since: datetime
    rate: Rate
    conditions: Conditions


RatesByPlace = dict[tuple[str, str], list[ConditionalRate]]
"""Rates by tier and destination, those with priority first."""


class KeyRates(NamedTuple):
    """The rates of a key, for usages from `since` to before `until`; None is without limit."""

    by_place: RatesByPlace
    since: datetime | None = None
    until: datetime | None = None

    def include(self, time: datetime) -> bool:
        """Return whether the key is for usages at `time`."""
        return (self.since is None or self.since <= time) and (
            self.until is None or time < self.until
        )


class Tariff(NamedTuple):
    """The catalogue's entry for a kind of usage: standard names, and rates with the best first.

    `operation_sent` is the name as sent if it differs from the standard one; `model` is the model
    as sent. `conditional` is empty if no row has conditions and the model has no alias; then the
    price is the first of `rates`. Otherwise it has the rates of each matching key, best key first.
    `estimates` are the rates of rows that estimate, with negative ids. `has_increments` says
    whether any of the rates has billing increments.
    """

    operation: str
    operation_sent: str | None
    model: str | None
    rates: Sequence[tuple[datetime, Rate]]
    conditional: Sequence[KeyRates] = ()
    estimates: Sequence[tuple[datetime, Rate]] = ()
    has_increments: bool = False

    def at(self, time: datetime, context: PriceContext | None = None) -> Rate | None:
        """Return the rate in force at `time` for a usage, or None.

        A tier needs a price of that tier: the standard price is never used in its place.
        """
        if self.conditional:
            return self._conditional_rate(time, context or NO_CONTEXT)
        if context is not None and context.tier is not None:
            return None
        for since, rate in self.rates:
            if since <= time:
                return rate
        return None

    def estimate_at(self, time: datetime) -> Rate | None:
        """Return the rate that estimates a usage without a price at `time`, or None."""
        for since, rate in self.estimates:
            if since <= time:
                return rate
        return None

    def _conditional_rate(self, time: datetime, context: PriceContext) -> Rate | None:
        """Return the rate of the most specific row: see `Conditions.specificity`."""
        tier = context.tier or ""
        for key in self.conditional:
            if not key.include(time):
                continue
            for destination in matching_destinations(context):
                for since, rate, conditions in key.by_place.get((tier, destination), ()):
                    if since <= time and conditions.match(context, time):
                        return rate
        return None


def rates_by_place(rates: Sequence[ConditionalRate]) -> RatesByPlace:
    """Return rates by tier and destination, the most specific first, then the newest."""
    by_place: RatesByPlace = {}
    ranked = sorted(
        rates,
        key=lambda one: (one.conditions.specificity(), one.since, one.rate.price_id),
        reverse=True,
    )
    for one in ranked:
        conditions = one.conditions
        by_place.setdefault((conditions.tier, conditions.destination), []).append(one)
    return by_place
