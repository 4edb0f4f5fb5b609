"""The list of the library genai-prices: its models, and their prices at a time and in a tier.

The package of the library contains the list as objects; its publisher offers it as JSON of the same
form. A price is in force from a day, during some hours of the day, or in a service tier. The rules
of the library decide which one is used: of the prices of a model that apply the last ones, replaced
by those of the first variant that applies.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Mapping, Sequence
from datetime import UTC, date, datetime, time
from decimal import Decimal
from typing import Any, Final

import msgspec
from msgspec import Struct

from ledger.prices.names import standard_model
from ledger.prices.spellings import spellings
from schemas.events import STANDARD_TIERS

FIRST_DAY: Final = date(2000, 1, 1)
"""Prices without a day are in force from here on."""

_TIER_FIELDS: Final = {"service_tier", "processing", "speed"}
"""The fields of a request that name its tier; other conditions of a variant are not supported."""
_HOUR_MINUTES: Final = 60


class SizePrice(Struct, frozen=True, forbid_unknown_fields=True):
    """The price of all tokens of a request with more than `start` input tokens."""

    start: int
    price: Decimal


class TieredPrice(Struct, frozen=True, forbid_unknown_fields=True):
    """A price that depends on the input size."""

    base: Decimal
    tiers: list[SizePrice]


PriceSet = Mapping[str, Decimal | TieredPrice]
"""Prices by the library's price key, such as `input_mtok`."""
_Prices = dict[str, Decimal | TieredPrice | None]


class Constraint(Struct, frozen=True, forbid_unknown_fields=True):
    """When prices apply: from a day on, or at some hours of each day, UTC."""

    start_date: date | None = None
    start_time: time | None = None
    end_time: time | None = None

    @property
    def window(self) -> tuple[int, int] | None:
        """The first minute of the hours, and the minute after the last; None without hours."""
        if self.start_time is None or self.end_time is None:
            return None
        return _minute(self.start_time), _minute(self.end_time)

    def holds(self, day: date, minute: int | None) -> bool:
        """Return whether prices apply on a day at a minute; None is outside of all windows."""
        window = self.window
        if window is None:
            return self.start_date is not None and day >= self.start_date
        return minute is not None and minute in minutes_of(window)


class _DatedPrices(Struct, frozen=True, forbid_unknown_fields=True):
    prices: _Prices
    constraint: Constraint | None = None


class _Variant(Struct, frozen=True, forbid_unknown_fields=True):
    when: dict[str, str]
    prices: _Prices
    constraint: Constraint | None = None

    @property
    def tier(self) -> str | None:
        """The tier in which the prices apply; None if the condition is not known."""
        fields = list(self.when)
        if len(fields) != 1 or fields[0] not in _TIER_FIELDS:
            return None
        return self.when[fields[0]].lower()


class ListedModel(Struct, frozen=True):
    """A model with its prices; fields that no price depends on are ignored."""

    id: str
    match: Any
    prices: _Prices | list[_DatedPrices]
    price_variants: list[_Variant] | None = None
    deprecated: bool | None = None

    @property
    def dated(self) -> Sequence[_DatedPrices]:
        """The prices of the standard tier; the last that applies is used."""
        return self.prices if isinstance(self.prices, list) else [_DatedPrices(self.prices)]

    def constraints(self) -> Iterator[Constraint]:
        """Yield everything that a price of the model depends on in time."""
        for one in (*self.dated, *(self.price_variants or ())):
            if one.constraint is not None:
                yield one.constraint

    def tiers(self) -> dict[str, date]:
        """Return the tiers that have prices of their own, each with its first day."""
        tiers: dict[str, date] = {}
        for variant in self.price_variants or ():
            tier = variant.tier
            if tier is not None and tier not in STANDARD_TIERS and variant.prices:
                day = (variant.constraint and variant.constraint.start_date) or FIRST_DAY
                tiers[tier] = min(day, tiers.get(tier, day))
        return tiers

    def has_unknown_conditions(self) -> bool:
        """Return whether some prices apply under conditions that are not tiers."""
        return any(
            variant.tier is None or (variant.tier in STANDARD_TIERS and variant.prices)
            for variant in self.price_variants or ()
        )

    def prices_at(self, day: date, minute: int | None = None, tier: str = "") -> PriceSet:
        """Return the prices in force on a day, at a minute of it, in a tier."""
        standard = self.dated[0]
        for one in reversed(self.dated):
            if one.constraint is None or one.constraint.holds(day, minute):
                standard = one
                break
        found: dict[str, Decimal | TieredPrice | None] = {}
        for variant in (self.price_variants or ()) if tier else ():
            active = variant.constraint is None or variant.constraint.holds(day, minute)
            if active and variant.tier == tier:
                found = {**_without_none(variant.prices), **found}
        return _without_none({**standard.prices, **found})


class GenaiProvider(Struct, frozen=True):
    """A service with its models; `fallback_model_providers` are services whose models it sells."""

    id: str
    models: list[Any]
    pricing_urls: list[str] | None = None
    fallback_model_providers: list[str] | None = None


def _without_none(prices: _Prices) -> dict[str, Decimal | TieredPrice]:
    return {key: price for key, price in prices.items() if price is not None}


def _minute(value: time) -> int:
    """Return the minute of a day in UTC; raises ValueError for a part of a minute."""
    if value.second or value.microsecond:
        raise ValueError("hours are whole minutes")
    if value.tzinfo is not None:
        value = datetime.combine(date(1970, 1, 2), value).astimezone(UTC).time()
    return value.hour * _HOUR_MINUTES + value.minute


def minutes_of(window: tuple[int, int]) -> Sequence[int]:
    """Return the minutes of the day in a window, which may cross midnight."""
    first, end = window
    day = 24 * _HOUR_MINUTES
    return range(first, end) if first <= end else [*range(first, day), *range(end)]


def matches(logic: Mapping[str, Any], name: str) -> bool:
    """Return whether a name is one of a model's; an unknown rule matches no name."""
    [(rule, value)] = logic.items()
    match rule.rstrip("_"):
        case "or":
            return any(matches(one, name) for one in value)
        case "and":
            return all(matches(one, name) for one in value)
        case "equals":
            return bool(name == value.lower())
        case "starts_with":
            return name.startswith(value.lower())
        case "ends_with":
            return name.endswith(value.lower())
        case "contains":
            return value.lower() in name
        case "regex":
            return re.search(value, name) is not None
    return False


def names_of(service: str, models: Sequence[ListedModel]) -> list[list[str]]:
    """Return the names of each model of a service, without those that `spellings` derives.

    The names are the id, if the library finds the model by it, and further names of the list. If
    two models have the same name, the library finds the first one.
    """
    owners: dict[str, int] = {}
    for number, model in enumerate(models):
        is_found = matches(model.match, model.id.lower())
        rules = {"equals"} if is_found else {"equals", "starts_with", "contains"}
        listed = [model.id] if is_found else []
        for text in (*listed, *_literals(model.match, rules)):
            first = next(n for n, one in enumerate(models) if matches(one.match, text.lower()))
            if first == number and not text.endswith("-"):
                owners.setdefault(standard_model(text), number)
    names: list[list[str]] = [[] for _ in models]
    kept: dict[str, int] = {}
    for name, number in owners.items():
        derived = next((kept[one] for one in spellings(service, name) if one in kept), None)
        if derived != number:
            kept[name] = number
            names[number].append(name)
    return names


def _literals(logic: Mapping[str, Any], rules: Collection[str]) -> Iterator[str]:
    """Yield the texts of these rules, without rules that only hold together with others."""
    [(rule, value)] = logic.items()
    if rule.rstrip("_") == "or":
        for one in value:
            yield from _literals(one, rules)
    elif rule in rules:
        yield value


def to_json_form(value: Any) -> Any:
    """Return the objects of the library's package in the form of its JSON."""
    if isinstance(value, list):
        return [to_json_form(one) for one in value]
    if isinstance(value, dict):
        return {key: to_json_form(one) for key, one in value.items()}
    fields = getattr(value, "__dict__", None)
    if fields is None:
        return value
    return {
        key.rstrip("_"): to_json_form(one)
        for key, one in fields.items()
        if one is not None and not key.startswith("_")
    }


def to_model(listed: Any) -> ListedModel | None:
    """Return a model of the list; None if its form is not known."""
    try:
        model = msgspec.convert(listed, ListedModel)
        for constraint in model.constraints():
            constraint.window  # noqa: B018 - checks the hours
    except (msgspec.ValidationError, ValueError):
        return None
    return model
