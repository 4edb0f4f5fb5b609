"""Reads the price list of the library genai-prices: tiers, sizes, hours of the day and history.

Pure functions: the list in, rows of the catalogue out. The counts of the library are inclusive: a
token has the price of the most specific unit that contains it. The units of the catalogue are
disjoint, so each gets that price in its own row. What cannot be expressed exactly is left out and
counted by reason.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Collection, Iterator, Mapping, Sequence
from datetime import UTC, date, datetime
from datetime import time as clock_time
from decimal import Decimal
from itertools import combinations, dropwhile
from typing import Any, Final, NamedTuple

import msgspec

from ledger.prices.rows import InvalidPriceError, PriceRow, price_row
from streams.prices.genai_list import (
    FIRST_DAY,
    GenaiProvider,
    ListedModel,
    PriceSet,
    TieredPrice,
    matches,
    minutes_of,
    names_of,
    to_model,
)
from streams.prices.reading import PriceCollector, PriceListResult, PriceSourceError


class _Unit(NamedTuple):
    """A unit of the catalogue.

    Its price is that of the first of `keys` that has one. A model has the unit if one of the first
    `own` keys has a price.
    """

    keys: tuple[str, ...]
    per: int
    own: int = 1


_MILLION: Final = 1_000_000
_UNITS: Final = {
    "input_tokens": _Unit(("input_mtok",), _MILLION),
    "cached_input_tokens": _Unit(("cache_read_mtok", "input_mtok"), _MILLION, own=2),
    "cache_write_tokens": _Unit(
        ("cache_write_5m_mtok", "cache_write_mtok", "input_mtok"), _MILLION, own=2
    ),
    "cache_write_1h_tokens": _Unit(
        ("cache_write_1h_mtok", "cache_write_mtok", "input_mtok"), _MILLION
    ),
    "output_tokens": _Unit(("output_mtok",), _MILLION),
    "reasoning_tokens": _Unit(("output_reasoning_mtok", "output_mtok"), _MILLION),
    "input_audio_tokens": _Unit(("input_audio_mtok", "input_mtok"), _MILLION),
    "cached_input_audio_tokens": _Unit(
        ("cache_audio_read_mtok", "input_audio_mtok", "cache_read_mtok", "input_mtok"),
        _MILLION,
        own=2,
    ),
    "output_audio_tokens": _Unit(("output_audio_mtok", "output_mtok"), _MILLION),
    "characters": _Unit(("input_mchars",), _MILLION),
    "audio_seconds": _Unit(("audio_hours",), 3_600),
    "messages": _Unit(("input_text_messages_kcount",), 1_000),
    "searches": _Unit(("web_searches_kcount",), 1_000),
    "requests": _Unit(("requests_kcount",), 1_000),
}
_KNOWN_KEYS: Final = {key for unit in _UNITS.values() for key in unit.keys} | {"input_audio_hours"}
_is_other_unit: Final = re.compile(
    r".*(image|video|pixels|document|tool|citation|searches|executions).*"
).fullmatch
"""Keys of prices for usage that no unit of the catalogue contains."""

_MINIMUM_PER_REQUEST: Final = ("groq", "audio_hours")
"""Groq bills at least 10 seconds of each request, which a price of a second does not express."""


def read_genai_prices(
    published: Any, at: datetime, *, source: str, services: Collection[str] = ()
) -> PriceListResult:
    """Return the prices of a list, of some services (its providers) or of all.

    Each price is in force from its own day; prices without a day from the first day on. The prices
    in force are repeated at the time `at`, so that they replace older ones from other sources.
    Raises PriceSourceError if the list has another form.
    """
    try:
        providers = msgspec.convert(published, list[GenaiProvider])
    except msgspec.ValidationError:
        raise PriceSourceError("it is not a list of providers") from None
    collector = PriceCollector()
    for provider, model, names in _models(providers, services, collector.left_out):
        collector.add(list(_rows(provider, model, names, at, source, collector.left_out)))
    return collector.prices(services)


def _models(
    providers: Sequence[GenaiProvider], services: Collection[str], left_out: Counter[str]
) -> Iterator[tuple[GenaiProvider, ListedModel, Sequence[str]]]:
    """Yield the models of each service with their names, its own and those of others that it sells.

    It does not sell the tiers of the other services.
    """
    known: dict[str, list[ListedModel]] = {}
    for provider in providers:
        models = [to_model(listed) for listed in provider.models]
        known[provider.id] = [model for model in models if model is not None]
        if not services or provider.id in services:
            unread = len(models) - len(known[provider.id])
            left_out.update({"models in a form that is not known": unread} if unread else {})
    for provider in providers:
        if services and provider.id not in services:
            continue
        own = known[provider.id]
        for model, names in zip(own, names_of(provider.id, own), strict=True):
            yield provider, model, names
        sold: set[str] = set()
        for other in provider.fallback_model_providers or ():
            for model in known.get(other, ()):
                name = model.id.lower()
                if name not in sold and not any(matches(one.match, name) for one in own):
                    sold.add(name)
                    yield provider, msgspec.structs.replace(model, price_variants=None), [name]


def _rows(
    provider: GenaiProvider,
    model: ListedModel,
    names: Sequence[str],
    at: datetime,
    source: str,
    left_out: Counter[str],
) -> Iterator[PriceRow]:
    """Yield the rows of a model, for each of its names."""
    windows = {one.window for one in model.constraints() if one.window is not None}
    days = {FIRST_DAY, *(one.start_date for one in model.constraints() if one.start_date)}
    sets = [
        model.prices_at(day, window and window[0], tier)
        for day in days
        for window in (None, *windows)
        for tier in ("", *model.tiers())
    ]
    keys = {key for prices in sets for key in prices}
    reason = _reason_to_leave_out(provider.id, keys, windows)
    if reason is not None:
        left_out[reason] += 1
        return
    unknown = [key for key in keys if key not in _KNOWN_KEYS]
    left_out.update({"figures for units that are not known": len(unknown)} if unknown else {})
    if model.has_unknown_conditions():
        left_out["prices under conditions that are not known"] += 1
    urls = provider.pricing_urls or [""]
    common = {
        "service": provider.id,
        "operation": _operation(model.id, keys),
        "source": ", ".join(filter(None, (source, urls[0]))),
        "is_deprecated": "" if model.deprecated is None else str(model.deprecated),
    }
    for fields in _dated_prices(model, sorted(days), sorted(windows), keys, at, left_out):
        try:
            row = price_row({**common, **fields}, source=source)
        except InvalidPriceError:
            left_out["values that are not valid in the catalogue"] += 1
        else:
            yield from (row._replace(model=name) for name in names)


def _reason_to_leave_out(
    service: str, keys: Collection[str], windows: Collection[tuple[int, int]]
) -> str | None:
    if not keys:
        return "models without prices"
    if any(key not in _KNOWN_KEYS and not _is_other_unit(key) for key in keys):
        return "models with prices that are not known"
    if service == _MINIMUM_PER_REQUEST[0] and _MINIMUM_PER_REQUEST[1] in keys:
        return "models with a minimum for each request"
    if any({*minutes_of(one)} & {*minutes_of(other)} for one, other in combinations(windows, 2)):
        return "models with hours that overlap"
    return None


def _operation(model_id: str, keys: Collection[str]) -> str:
    """Return the operation of a model, which the list does not name."""
    words = set(re.split(r"[^a-z]+", model_id.lower()))
    if "input_audio_hours" in keys or words & {"transcribe", "whisper", "stt"}:
        return "stt"
    if "input_mchars" in keys or "tts" in words:
        return "tts"
    return "inference" if "output_mtok" in keys or "audio_hours" in keys else "embedding"


def _dated_prices(
    model: ListedModel,
    days: Sequence[date],
    windows: Sequence[tuple[int, int]],
    keys: Collection[str],
    at: datetime,
    left_out: Counter[str],
) -> Iterator[Mapping[str, str]]:
    """Yield unit, price, conditions and start of each price of a model.

    A condition that some prices of a unit have is repeated for all later ones, because a price
    without it would not replace them.
    """
    tiers = model.tiers()
    for unit, of_unit in _UNITS.items():
        if not any(key in keys for key in of_unit.keys[: of_unit.own]):
            continue
        for tier in ("", *tiers):
            since = [day for day in days if not tier or day >= tiers[tier]]
            for window in (None, *windows):
                found = [
                    (day, _price_of(model.prices_at(day, window and window[0], tier), of_unit))
                    for day in since
                ]
                prices = dict(dropwhile(lambda one: one[1] is None, found))
                if None in prices.values():
                    left_out["units whose price ends"] += 1
                    continue
                for size in _sizes(prices.values()):
                    conditions = {
                        "unit": unit,
                        "per_units": str(of_unit.per),
                        "tier": tier,
                        "hours": _hours(window),
                        "input_size_above": "" if size is None else str(size),
                    }
                    amounts = {day: _amount(price, size) for day, price in prices.items()}
                    yield from ({**conditions, **one} for one in _changes(amounts, at))


def _price_of(prices: PriceSet, unit: _Unit) -> Decimal | TieredPrice | None:
    return next((prices[key] for key in unit.keys if key in prices), None)


def _sizes(prices: Collection[Decimal | TieredPrice | None]) -> list[int | None]:
    """Return the input sizes above which prices of a unit differ; None is any size."""
    tiers = [price.tiers for price in prices if isinstance(price, TieredPrice)]
    return [None, *sorted({one.start for of_price in tiers for one in of_price})]


def _amount(price: Decimal | TieredPrice | None, size: int | None) -> Decimal:
    """Return the price of a request that is just above a size."""
    if isinstance(price, TieredPrice):
        above = [one for one in price.tiers if size is not None and one.start <= size]
        return max(above, key=lambda one: one.start).price if above else price.base
    return price or Decimal(0)


def _changes(amounts: Mapping[date, Decimal], at: datetime) -> Iterator[Mapping[str, str]]:
    """Yield price and time of each change, and of the price in force at `at`."""
    before: Decimal | None = None
    in_force: Decimal | None = None
    for day, amount in amounts.items():
        time = datetime.combine(day, clock_time(), UTC)
        if amount != before:
            yield {"price_usd": f"{amount:f}", "effective_from": time.isoformat()}
        before = amount
        in_force = amount if time <= at else in_force
    if in_force is not None:
        yield {"price_usd": f"{in_force:f}", "effective_from": at.isoformat()}


def _hours(window: tuple[int, int] | None) -> str:
    if window is None:
        return ""
    return "-".join(f"{minute // 60:02}:{minute % 60:02}" for minute in window)
