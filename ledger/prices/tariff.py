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


RateGroups = dict[tuple[str, str], list[ConditionalRate]]
"""Rates by tier and destination, those with priority first."""


class KeyRates(NamedTuple):
    """The rates of a catalogue key, for usages from `since` to before `until`; None is no limit."""

    groups: RateGroups
    since: datetime | None = None
    until: datetime | None = None

    def include(self, time: datetime) -> bool:
        """Return whether the key is for usages at `time`."""
        return (self.since is None or self.since <= time) and (
            self.until is None or time < self.until
        )


class Tariff(NamedTuple):
    """The standard names of a kind of usage, and its rates, those with priority first.

    `operation_sent` is the name as sent if it differs from the standard one; `model` is the model
    as sent. The price is the first of `rates` that is in force, unless a row has conditions or the
    model has an alias: then `conditional` has the rates of each matching key. `estimates` are the
    rates of rows that estimate, with negative ids. `has_increments` says whether any of the rates
    has billing increments.
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
        """Return the rate of the first matching key, and of its most specific row."""
        tier = context.tier or ""
        for key in self.conditional:
            if not key.include(time):
                continue
            for destination in matching_destinations(context):
                for since, rate, conditions in key.groups.get((tier, destination), ()):
                    if since <= time and conditions.match(context, time):
                        return rate
        return None


def priority(one: ConditionalRate) -> tuple[tuple[int, int, bool, bool, int], datetime, int]:
    """Return the sort key among the rates of a key: specific and newer ones are greater."""
    return one.conditions.specificity(), one.since, one.rate.price_id


def group_rates(rates: Sequence[ConditionalRate]) -> RateGroups:
    """Return the rates of a key by tier and destination, those with priority first."""
    groups: RateGroups = {}
    for one in sorted(rates, key=priority, reverse=True):
        conditions = one.conditions
        groups.setdefault((conditions.tier, conditions.destination), []).append(one)
    return groups
