"""The price catalogue: the price in force for a service, operation, model and unit at a time.

A row is a price in USD for a number of units, valid until the next row of the same key begins.
Rates are stored as exact fractions of nano-dollars, so that pricing uses integers only.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime
from decimal import Decimal
from fractions import Fraction
from typing import Final, Literal, NamedTuple

from ledger.prices.names import standard_model, standard_operation
from schemas.money import NANO_PER_USD, half_even

ServiceClass = Literal["api", "infrastructure", "transaction", "revenue"]

ANY_MODEL: Final = "*"
_CACHE_ENTRIES_MAX: Final = 10_000

_OTHER_UNITS: Final[dict[str, tuple[tuple[str, int, int], ...]]] = {
    "seconds": (("minutes", 1, 60),),
    "minutes": (("seconds", 60, 1),),
    "input_tokens": (("tokens", 1, 1),),
    "output_tokens": (("tokens", 1, 1),),
}
"""Unit of an event to (catalogue unit, multiplier, divisor) that may replace it."""


class Price(NamedTuple):
    """A row of the catalogue: `price_usd` for `per_units` of `unit`, since `effective_from`."""

    price_id: int
    service: str
    service_class: ServiceClass
    operation: str
    model: str
    unit: str
    price_usd: Decimal
    per_units: int
    effective_from: datetime


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


class Tariff(NamedTuple):
    """The catalogue's entry for a kind of usage: standard names, and rates with the best first.

    `operation_sent` is the name as sent if it differs from the standard one.
    """

    operation: str
    operation_sent: str | None
    model: str | None
    rates: Sequence[tuple[datetime, Rate]]

    def at(self, time: datetime) -> Rate | None:
        """Return the rate in force at `time`, or None."""
        for since, rate in self.rates:
            if since <= time:
                return rate
        return None


_Key = tuple[str, str, str, str]


class Catalogue:
    """All prices at one time; immutable, replaced as a whole when prices change."""

    def __init__(self, prices: Iterable[Price]) -> None:
        """Index the rows by key, newest first."""
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

        An exact model has priority over `*`, the unit as sent over a convertible one.
        """
        name, known_model = standard_operation(service, operation), standard_model(model)
        return Tariff(
            name,
            None if name == operation else operation,
            known_model or None,
            list(self._rates(service, name, known_model, unit)),
        )

    def _rates(
        self, service: str, operation: str, model: str, unit: str
    ) -> Iterator[tuple[datetime, Rate]]:
        """Yield the rates of all matching keys, best key first.

        Before the best key has a price in force, the next one applies.
        """
        for known_model in (model, ANY_MODEL):
            yield from self._model_rates(service, operation, known_model, unit)

    def _model_rates(
        self, service: str, operation: str, model: str, unit: str
    ) -> Iterator[tuple[datetime, Rate]]:
        for known_unit, multiplier, divisor in ((unit, 1, 1), *_OTHER_UNITS.get(unit, ())):
            for row in self._rows.get((service, operation, model, known_unit), ()):
                yield row.effective_from, _rate(row, multiplier, divisor)

    def models(self, service: str, operation: str) -> list[str]:
        """Return the models with their own prices for an operation, in order."""
        keys = {key[2] for key in self._rows if key[:2] == (service, operation)}
        return sorted(keys - {"", ANY_MODEL})

    def model_rate(
        self, service: str, operation: str, model: str, unit: str, time: datetime
    ) -> Rate | None:
        """Return the rate of exactly this model in force at `time`; names are standard ones."""
        rates = self._model_rates(service, operation, model, unit)
        return next((rate for since, rate in rates if since <= time), None)

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
