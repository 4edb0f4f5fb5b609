"""The price catalogue: the price in force for a service, operation, model and unit at a time.

A row is a price in USD for a number of units, valid until the next row of the same key begins.
Rates are stored as exact fractions of nano-dollars, so that pricing uses integers only.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import datetime
from decimal import Decimal
from fractions import Fraction
from typing import Any, Final, Literal, NamedTuple

from ledger.charge_plans.plans import ChargePlan, ChargePlans
from ledger.prices.conditions import NO_CONDITIONS, Conditions, parse_stored_unit
from ledger.prices.increments import NO_INCREMENTS, Increments, LegPrice, leg_price
from ledger.prices.names import standard_model, standard_operation
from ledger.prices.spellings import spellings
from ledger.prices.tariff import ConditionalRate, KeyRates, Rate, Tariff, group_rates, priority
from schemas.events import PriceContext
from schemas.money import NANO_PER_USD, half_even

ServiceClass = Literal["api", "infrastructure", "transaction", "revenue"]

ANY_MODEL: Final = "*"
ESTIMATE: Final = "estimate"
"""The model of a row whose price estimates usages without a price."""
DEFAULT_PROCESSOR: Final = "stripe"
"""The processor of charges that the ledger decides."""
_CACHE_ENTRIES_MAX: Final = 10_000

_CONVERTIBLE_UNITS: Final[dict[str, tuple[tuple[str, int, int], ...]]] = {
    "seconds": (("minutes", 1, 60),),
    "minutes": (("seconds", 60, 1),),
    "input_tokens": (("tokens", 1, 1),),
    "cached_input_tokens": (("tokens", 1, 1),),
    "cache_write_tokens": (("tokens", 1, 1),),
    "cache_write_1h_tokens": (("tokens", 1, 1),),
    "output_tokens": (("tokens", 1, 1),),
    "reasoning_tokens": (("output_tokens", 1, 1), ("tokens", 1, 1)),
}
"""For a unit of usage: other units whose prices apply to it, each with what its rate is multiplied
and divided by."""


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


def _rate(price: Price, multiplier: int = 1, divisor: int = 1) -> Rate:
    usd, per_usd = price.price_usd.as_integer_ratio()
    exact = Fraction(usd * NANO_PER_USD * multiplier, per_usd * divisor * price.per_units)
    return Rate(price.price_id, exact.numerator, exact.denominator, price.increments)


class Alias(NamedTuple):
    """Another name of a model of a service, since a time; without a model, the alias ends then."""

    service: str
    alias: str
    model: str | None
    since: datetime


class _ModelSpan(NamedTuple):
    """A model whose prices apply to a usage, from `since` to before `until`; None is no limit."""

    model: str
    since: datetime | None = None
    until: datetime | None = None


_Key = tuple[str, str, str, str]


class Catalogue:
    """All prices and charge plans at one time; immutable, replaced as a whole by newer ones."""

    def __init__(
        self,
        prices: Iterable[Price],
        plans: Iterable[ChargePlan] = (),
        aliases: Iterable[Alias] = (),
    ) -> None:
        """Index the rows by key, newest first, and the aliases by name, oldest first."""
        self.plans: Final = ChargePlans(plans)
        newest_first = sorted(prices, key=lambda price: price.effective_from, reverse=True)
        self._rows: dict[_Key, list[Price]] = {}
        self._classes: dict[str, ServiceClass] = {}
        self._by_id = {price.price_id: price for price in newest_first}
        for price in newest_first:
            key = (price.service, price.operation, price.model, price.unit)
            self._rows.setdefault(key, []).append(price)
            self._classes.setdefault(price.service, price.service_class)
        self._models: dict[tuple[str, str], set[str]] = {}
        for service, operation, model, _ in self._rows:
            self._models.setdefault((service, operation), set()).add(model)
        self._aliases: dict[tuple[str, str], list[Alias]] = {}
        for alias in sorted(aliases, key=lambda alias: alias.since):
            self._aliases.setdefault((alias.service, alias.alias), []).append(alias)
        self.tariffs: Final = _Tariffs(self)
        """Tariffs by service, operation, model and unit, cached."""

    def tariff(self, service: str, operation: str, model: str | None, unit: str) -> Tariff:
        """Return the tariff of a usage; operation and model may be as sent.

        The price of a usage is the row of the first key with a matching row in force: the model as
        sent has priority over an alias, then another spelling, then `*` (`_model_spans`); then the
        unit as sent over a convertible one. Within a key the most specific row has priority
        (`Conditions.specificity`), then the newest one.
        """
        name, known_model = standard_operation(service, operation), standard_model(model)
        keys = [
            (span, rates)
            for span in self._model_spans(service, name, known_model)
            for rates in self._rates(service, name, span.model, unit)
        ]
        is_conditional = any(
            rate.conditions != NO_CONDITIONS or span[1:] != (None, None)
            for span, rates in keys
            for rate in rates
        )
        return Tariff(
            name,
            None if name == operation else operation,
            known_model or None,
            [
                (max(rate.since, span.since or rate.since), rate.rate)
                for span, rates in keys
                for rate in rates
            ],
            [KeyRates(group_rates(rates), span.since, span.until) for span, rates in keys]
            if is_conditional
            else (),
            [
                (rate.since, rate.rate._replace(price_id=-rate.rate.price_id))
                for rates in self._rates(service, name, ESTIMATE, unit)
                for rate in rates
            ],
            any(rate.rate.increments != NO_INCREMENTS for _, rates in keys for rate in rates),
        )

    def _model_spans(self, service: str, operation: str, model: str) -> list[_ModelSpan]:
        """Return the models whose prices apply to a usage, those with priority first.

        An alias is in force from its time to the next one of its name. The first one also applies
        to earlier usages, but has the lowest priority: so it changes no price of a recorded event,
        and gives a price to events without one.
        """
        known = self._models.get((service, operation), set())
        others = [name for name in spellings(service, model) if name in known] if model else []
        aliases = self._aliases.get((service, model), [])
        ends = [*(alias.since for alias in aliases[1:]), None]
        spans = {
            _ModelSpan(model): None,
            **{
                _ModelSpan(alias.model, alias.since, until): None
                for alias, until in zip(aliases, ends, strict=False)
                if alias.model is not None
            },
            **{_ModelSpan(other): None for other in others},
            _ModelSpan(ANY_MODEL): None,
        }
        if aliases and aliases[0].model is not None:
            spans[_ModelSpan(aliases[0].model, None, aliases[0].since)] = None
        return [span for span in spans if span.model != ESTIMATE]

    def _rates(
        self, service: str, operation: str, model: str, unit: str
    ) -> Iterator[list[ConditionalRate]]:
        """Yield the rates of each key of a model: of the unit as sent, then of convertible ones."""
        for known_unit, multiplier, divisor in ((unit, 1, 1), *_CONVERTIBLE_UNITS.get(unit, ())):
            rows = self._rows.get((service, operation, model, known_unit), ())
            yield [
                ConditionalRate(row.effective_from, _rate(row, multiplier, divisor), row.conditions)
                for row in rows
            ]

    def models(self, service: str, operation: str) -> list[str]:
        """Return the models with their own prices for an operation, in order."""
        return sorted(self._models.get((service, operation), set()) - {"", ANY_MODEL, ESTIMATE})

    def model_rate(
        self, key: tuple[str, str, str, str], time: datetime, context: PriceContext
    ) -> Rate | None:
        """Return the rate in force of exactly this model for a usage, or None.

        `key` is service, operation, model and unit by their standard names.
        """
        for rates in self._rates(*key):
            matching = [
                one for one in rates if one.since <= time and one.conditions.match(context, time)
            ]
            if matching:
                return max(matching, key=priority).rate
        return None

    def rate(self, service: str, operation: str, unit: str, time: datetime) -> Rate | None:
        """Return the rate in force at `time` of something without a model."""
        return self.tariffs[service, operation, None, unit].at(time)

    def leg_price(self, price_id: int) -> LegPrice:
        """Return the leg's price of the row `price_id`, whose unit is a unit of time."""
        row = self._by_id[price_id]
        return leg_price(row.price_usd, row.per_units, row.unit, row.increments)

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
