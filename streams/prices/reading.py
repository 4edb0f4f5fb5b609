"""Extracts prices from published documents: Twilio's voice pricing, or any JSON by pointers.

Pure functions: text in, rows of the catalogue out. A source publishes current prices, so its rows
are in force from the time of the refresh.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable, Mapping, Sequence
from datetime import datetime
from decimal import Decimal
from typing import Any, Final, NamedTuple

import msgspec
from msgspec import Struct

from ledger.prices.rows import InvalidPriceError, PriceRow, price_row
from schemas.jsonio import wire_name
from schemas.pointers import PointerError, value_at

_decode: Final = msgspec.json.Decoder(Any, float_hook=Decimal).decode
_CURRENCY: Final = "usd"


class PriceSourceError(Exception):
    """The prices of a source cannot be read; the message says why and contains no secret."""


def decode_json(text: bytes) -> Any:
    """Return a decoded text, with exact numbers; raises PriceSourceError."""
    try:
        return _decode(text)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError, ArithmeticError):
        raise PriceSourceError("it is not JSON") from None


class PriceListResult(NamedTuple):
    """The prices of a list, how many models have prices, and how much was left out, by reason."""

    rows: list[PriceRow]
    models: int
    left_out: Mapping[str, int]


class PriceCollector:
    """Collects the prices of a list of models, one for each key of a price."""

    def __init__(self) -> None:
        self.left_out: Counter[str] = Counter()
        self._rows: dict[tuple[object, ...], PriceRow] = {}
        self._models = 0

    def add(self, rows: Sequence[PriceRow]) -> None:
        """Add the prices of a model. If two prices have the same key, the first one is kept."""
        self._models += bool(rows)
        for row in rows:
            if not self._rows.setdefault(row.dated_key, row).same_price(row):
                self.left_out["two names of a model with different prices"] += 1

    def prices(self, services: Collection[str]) -> PriceListResult:
        """Return the collected prices of some services or of all; raises PriceSourceError."""
        if not self._rows:
            raise PriceSourceError(
                "it has no prices of these services" if services else "it has no prices"
            )
        return PriceListResult(list(self._rows.values()), self._models, self.left_out)


class ConfiguredSource(
    Struct, kw_only=True, frozen=True, rename=wire_name, forbid_unknown_fields=True
):
    """A price source: its URL, and a user name and password file if needed."""

    name: str
    url: str
    username: str | None = None
    password_file: str | None = None

    def rows(self, text: bytes, at: datetime) -> list[PriceRow]:
        """Return the prices in a response, in force from `at` on; raises PriceSourceError."""
        return [self._row(fields, at) for fields in self.parse(decode_json(text))]

    def parse(self, published: Any) -> Iterable[Mapping[str, str]]:
        """Yield the fields of each price; raises PriceSourceError."""
        raise NotImplementedError

    def _row(self, fields: Mapping[str, str], at: datetime) -> PriceRow:
        since = at.replace(microsecond=0).isoformat()
        try:
            return price_row({**fields, "effective_from": since}, source=f"{self.name}: {self.url}")
        except InvalidPriceError as error:
            price_name = f"{fields.get('service')} {fields.get('operation')}"
            raise PriceSourceError(f"{price_name}: {error}") from None


class _Outbound(Struct):
    current_price: int | Decimal
    destination_prefixes: list[str] = []
    origination_prefixes: list[str] = []
    prefixes: list[str] = []


class _Inbound(Struct):
    current_price: int | Decimal
    number_type: str


class _Country(Struct):
    price_unit: str
    outbound_prefix_prices: list[_Outbound] = []
    inbound_call_prices: list[_Inbound] = []


class TwilioVoice(
    ConfiguredSource,
    kw_only=True,
    frozen=True,
    rename=wire_name,
    tag_field="kind",
    tag="twilio-voice",
):
    """Twilio's Pricing API: the voice prices of a country (versions 1 and 2), USD a minute.

    `outbound_prefix` is the destination whose price is used for all calls. With `all_destinations`
    each destination of the country has its own price instead, with its prefix as a condition.
    `inbound_number_type` is that of our own number (`local`, `mobile`, `national`, `toll free`).
    """

    outbound_prefix: str = "1"
    inbound_number_type: str = "local"
    all_destinations: bool = False

    def parse(self, published: Any) -> Iterable[Mapping[str, str]]:
        """Yield the prices of outbound and of inbound calls."""
        try:
            country = msgspec.convert(published, _Country)
        except msgspec.ValidationError as error:
            raise PriceSourceError(f"not a country's voice prices: {error}") from None
        if country.price_unit.lower() != _CURRENCY:
            raise PriceSourceError(f"prices are in {country.price_unit}, not in USD")
        by_prefix = _by_prefix(country)
        if not self.all_destinations:
            price = _outbound(by_prefix, self.outbound_prefix).current_price
            yield self._per_minute("outbound_call", price)
        for prefix in sorted(by_prefix) if self.all_destinations else ():
            # A prefix that is too long is an error: if it were left out, calls to it would get
            # the price of a shorter prefix.
            price = _outbound(by_prefix, prefix).current_price
            yield {**self._per_minute("outbound_call", price), "destination": f"+{prefix}"}
        yield self._per_minute("inbound_call", self._inbound(country).current_price)

    def _inbound(self, country: _Country) -> _Inbound:
        for price in country.inbound_call_prices:
            if price.number_type.lower() == self.inbound_number_type.lower():
                return price
        raise PriceSourceError(f"no price for {self.inbound_number_type} numbers")

    @staticmethod
    def _per_minute(operation: str, price: object) -> Mapping[str, str]:
        return {
            "service": "twilio",
            "operation": operation,
            "unit": "minutes",
            "price_usd": str(price),
        }


def _by_prefix(country: _Country) -> dict[str, list[_Outbound]]:
    """Return the prices of outbound calls by the prefix of the destination."""
    by_prefix: dict[str, list[_Outbound]] = {}
    for price in country.outbound_prefix_prices:
        for prefix in {*price.destination_prefixes, *price.prefixes}:
            by_prefix.setdefault(prefix, []).append(price)
    return by_prefix


def _outbound(by_prefix: Mapping[str, Sequence[_Outbound]], prefix: str) -> _Outbound:
    """Return the price of a prefix: preferably the one for calls from any origin."""
    matching = by_prefix.get(prefix, ())
    for origin in ("ALL", "ROW"):
        for price in matching:
            if origin in price.origination_prefixes:
                return price
    if len(matching) == 1 and not matching[0].origination_prefixes:
        return matching[0]
    raise PriceSourceError(f"no single price for calls to the prefix {prefix}")


class PointedPrice(Struct, kw_only=True, frozen=True, rename=wire_name, forbid_unknown_fields=True):
    """A price of the catalogue, and the RFC 6901 `pointer` to its number."""

    service: str
    operation: str
    unit: str
    pointer: str
    model: str | None = None
    per_units: int = 1


class JsonPrices(
    ConfiguredSource, kw_only=True, frozen=True, rename=wire_name, tag_field="kind", tag="json"
):
    """Any JSON document with numbers in USD, each located by a pointer."""

    prices: list[PointedPrice]
    currency_pointer: str | None = None

    def parse(self, published: Any) -> Iterable[Mapping[str, str]]:
        """Yield the prices that the pointers name."""
        if self.currency_pointer is not None:
            currency = _pointed(published, self.currency_pointer)
            if not isinstance(currency, str) or currency.lower() != _CURRENCY:
                raise PriceSourceError(f"prices are in {currency!s:.20}, not in USD")
        for price in self.prices:
            figure = _pointed(published, price.pointer)
            if isinstance(figure, bool) or not isinstance(figure, int | str | Decimal):
                raise PriceSourceError(f"{price.pointer} is not a number")
            fields = {
                "service": price.service,
                "operation": price.operation,
                "unit": price.unit,
                "per_units": str(price.per_units),
                "price_usd": str(figure),
            }
            yield fields if price.model is None else {**fields, "model": price.model}


def _pointed(document: Any, pointer: str) -> Any:
    """Return the value at a pointer; raises PriceSourceError."""
    try:
        return value_at(document, pointer)
    except PointerError as error:
        raise PriceSourceError(str(error)) from None
