"""The price catalogue: the price in force for a service, operation, model and unit at a time.

A row is a price in USD for a number of units, valid until the next row of the same key begins.
Rates are stored as exact fractions of nano-dollars, so that pricing uses integers only.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime
from decimal import Decimal
from fractions import Fraction
from typing import Any, Final, Literal, NamedTuple

from ledger.charge_plans.plans import ChargePlan, ChargePlans
from ledger.prices.conditions import NO_CONDITIONS, Conditions, destinations, parse_stored_unit
from ledger.prices.increments import NO_INCREMENTS, Increments
from ledger.prices.names import standard_model, standard_operation
from schemas.events import NO_CONTEXT, PriceContext
from schemas.money import NANO_PER_USD, half_even

ServiceClass = Literal["api", "infrastructure", "transaction", "revenue"]

ANY_MODEL: Final = "*"
ESTIMATE: Final = "estimate"
"""The model of a row whose price estimates usages without a price."""
DEFAULT_PROCESSOR: Final = "stripe"
"""The processor of charges that the ledger decides."""
_CACHE_ENTRIES_MAX: Final = 10_000

_OTHER_UNITS: Final[dict[str, tuple[tuple[str, int, int], ...]]] = {
    "seconds": (("minutes", 1, 60),),
    "minutes": (("seconds", 60, 1),),
    "input_tokens": (("tokens", 1, 1),),
    "cached_input_tokens": (("tokens", 1, 1),),
    "cache_write_tokens": (("tokens", 1, 1),),
    "cache_write_1h_tokens": (("tokens", 1, 1),),
    "output_tokens": (("tokens", 1, 1),),
    "reasoning_tokens": (("output_tokens", 1, 1), ("tokens", 1, 1)),
}
"""Unit of an event to (catalogue unit, multiplier, divisor) that may replace it."""


class Price(NamedTuple):
    """A row of the catalogue: `price_usd` for `per_units` of `unit`, since `effective_from`.

    It applies only to a usage for which its `conditions` hold; its `increments` apply to legs.
    """

    price_id: int
    service: str
    service_class: ServiceClass
    operation: str
    model: str
    unit: str
    price_usd: Decimal
    per_units: int
    effective_from: datetime
    conditions: Conditions = NO_CONDITIONS
    increments: Increments = NO_INCREMENTS

    @classmethod
    def from_stored(cls, stored: Iterable[Any]) -> Price:
        """Return the price of a stored row, whose unit contains the conditions."""
        *columns, minimum_seconds, increment_seconds = stored
        price = cls(*columns)
        unit, conditions = parse_stored_unit(price.unit)
        increments = Increments(minimum_seconds, increment_seconds)
        return price._replace(unit=unit, conditions=conditions, increments=increments)


class Rate(NamedTuple):
    """Nano-dollars per unit as a reduced fraction, and the id of the catalogue row."""

    price_id: int
    numerator: int
    denominator: int

    def cost_nano(self, usage: int | Decimal) -> int:
        """Return the cost of a usage in nano-dollars, rounded half-even once, at the end."""
        if isinstance(usage, int):
            if self.denominator == 1:
                return usage * self.numerator
            return half_even(usage * self.numerator, self.denominator)
        numerator, denominator = usage.as_integer_ratio()
        return half_even(numerator * self.numerator, denominator * self.denominator)


def _rate(price: Price, multiplier: int = 1, divisor: int = 1) -> Rate:
    usd, per_usd = price.price_usd.as_integer_ratio()
    exact = Fraction(usd * NANO_PER_USD * multiplier, per_usd * divisor * price.per_units)
    return Rate(price.price_id, exact.numerator, exact.denominator)


class ConditionalRate(NamedTuple):
    """A rate since a time, and the conditions of its row."""

    since: datetime
    rate: Rate
    conditions: Conditions


RatesByPlace = dict[tuple[str, str], list[ConditionalRate]]
"""Rates by tier and destination, those with priority first."""


class Tariff(NamedTuple):
    """The catalogue's entry for a kind of usage: standard names, and rates with the best first.

    `operation_sent` is the name as sent if it differs from the standard one. `conditional` is empty
    if no row has conditions; then the price depends only on the time. Otherwise it has the rates
    of each matching key, best key first. `estimates` are the rates of rows that estimate, with
    negative ids.
    """

    operation: str
    operation_sent: str | None
    model: str | None
    rates: Sequence[tuple[datetime, Rate]]
    conditional: Sequence[RatesByPlace] = ()
    estimates: Sequence[tuple[datetime, Rate]] = ()

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
        for rates_by_place in self.conditional:
            for destination in destinations(context):
                for since, rate, conditions in rates_by_place.get((tier, destination), ()):
                    if since <= time and conditions.hold(context, time):
                        return rate
        return None


_Key = tuple[str, str, str, str]


class Catalogue:
    """All prices and charge plans at one time; immutable, replaced as a whole by newer ones."""

    def __init__(self, prices: Iterable[Price], plans: Iterable[ChargePlan] = ()) -> None:
        """Index the rows by key, newest first."""
        self.plans: Final = ChargePlans(plans)
        newest_first = sorted(prices, key=lambda price: price.effective_from, reverse=True)
        self._rows: dict[_Key, list[Price]] = {}
        self._classes: dict[str, ServiceClass] = {}
        for price in newest_first:
            key = (price.service, price.operation, price.model, price.unit)
            self._rows.setdefault(key, []).append(price)
            self._classes.setdefault(price.service, price.service_class)
        self.tariffs: Final = _Tariffs(self)
        """Tariffs by service, operation, model and unit, cached."""

    def tariff(self, service: str, operation: str, model: str | None, unit: str) -> Tariff:
        """Return the tariff of a usage; operation and model may be as sent.

        The price of a usage is the row of the first key with a matching row in force: an exact
        model has priority over `*`, then the unit as sent over a convertible one. Within a key the
        most specific row has priority (`Conditions.specificity`), then the newest one.
        """
        name, known_model = standard_operation(service, operation), standard_model(model)
        models = {known_model: None, ANY_MODEL: None}
        models.pop(ESTIMATE, None)
        keys = [self._rates(service, name, one, unit) for one in models]
        by_key = [rates for of_model in keys for rates in of_model]
        has_conditions = any(rate.conditions != NO_CONDITIONS for rates in by_key for rate in rates)
        return Tariff(
            name,
            None if name == operation else operation,
            known_model or None,
            [(rate.since, rate.rate) for rates in by_key for rate in rates],
            [_by_place(rates) for rates in by_key] if has_conditions else (),
            [
                (rate.since, rate.rate._replace(price_id=-rate.rate.price_id))
                for rates in self._rates(service, name, ESTIMATE, unit)
                for rate in rates
            ],
        )

    def _rates(
        self, service: str, operation: str, model: str, unit: str
    ) -> Iterator[list[ConditionalRate]]:
        """Yield the rates of a model's keys, newest first: the unit as sent, then others."""
        for known_unit, multiplier, divisor in ((unit, 1, 1), *_OTHER_UNITS.get(unit, ())):
            rows = self._rows.get((service, operation, model, known_unit), ())
            yield [
                ConditionalRate(row.effective_from, _rate(row, multiplier, divisor), row.conditions)
                for row in rows
            ]

    def models(self, service: str, operation: str) -> list[str]:
        """Return the models with their own prices for an operation, in order."""
        keys = {key[2] for key in self._rows if key[:2] == (service, operation)}
        return sorted(keys - {"", ANY_MODEL, ESTIMATE})

    def model_rate(
        self, service: str, operation: str, model: str, unit: str, time: datetime
    ) -> Rate | None:
        """Return the unconditional rate of exactly this model in force at `time`.

        Names are standard ones.
        """
        return next(
            (
                rate
                for rates in self._rates(service, operation, model, unit)
                for since, rate, conditions in rates
                if since <= time and conditions == NO_CONDITIONS
            ),
            None,
        )

    def rate(self, service: str, operation: str, unit: str, time: datetime) -> Rate | None:
        """Return the rate in force at `time` of something without a model."""
        return self.tariffs[service, operation, None, unit].at(time)

    def knows(self, service: str) -> bool:
        """Return whether a service has any price, and so a class."""
        return service in self._classes

    def infrastructure_nano(self, time: datetime) -> dict[str, int]:
        """Return a call's share of each infrastructure service: monthly cost ÷ calls a month."""
        shares = {
            service: self.rate(service, "share", "calls", time)
            for service, kind in self._classes.items()
            if kind == "infrastructure"
        }
        return {name: rate.cost_nano(1) for name, rate in sorted(shares.items()) if rate}

    def fee_nano(self, processor: str, amount_nano: int, time: datetime) -> int | None:
        """Return a processor's fee for a charge: percentage + fixed; None if it is unknown."""
        if amount_nano == 0:
            return 0
        percentage = self.rate(processor, "fee", "usd", time)
        fixed = self.rate(processor, "fee", "charges", time)
        if percentage is None or fixed is None:
            return None
        share = half_even(amount_nano * percentage.numerator, percentage.denominator * NANO_PER_USD)
        return share + fixed.cost_nano(1)

    def default_charge_nano(self, time: datetime) -> int:
        """Return the default charge of a completed call; 0 if not set."""
        rate = self.rate("call", "charge", "calls", time)
        return rate.cost_nano(1) if rate else 0


def _by_place(rates: Sequence[ConditionalRate]) -> RatesByPlace:
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


class _Tariffs(dict[tuple[str, str, str | None, str], Tariff]):
    """A cache of tariffs."""

    def __init__(self, catalogue: Catalogue) -> None:
        super().__init__()
        self._catalogue = catalogue

    def __missing__(self, key: tuple[str, str, str | None, str]) -> Tariff:
        if len(self) >= _CACHE_ENTRIES_MAX:
            self.clear()
        tariff = self[key] = self._catalogue.tariff(*key)
        return tariff
