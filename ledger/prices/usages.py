"""Prices the quantities of a request, and encodes them with their prices for the event's row."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime
from decimal import Decimal
from math import ceil
from typing import Final, NamedTuple

import msgspec
from msgspec.structs import replace

from ledger.prices.catalogue import Catalogue
from ledger.prices.pricing import UNPRICED, lacks_price, require_bounded, tariff_of
from ledger.prices.tariff import Tariff
from schemas.events import NO_CONTEXT, CostRecorded, PriceContext
from schemas.money import nano_from_usd
from schemas.numbers import Number, read_number
from schemas.usages import INPUT_UNITS, Usage


class PricedUsage(msgspec.Struct, gc=False, frozen=True):
    """A quantity of a request, with the id of its price and its cost in nano-dollars.

    Id and cost are None if the emitter priced the whole request. An estimate has a negative id. A
    quantity with neither price nor estimate has the id UNPRICED; then the other quantities have no
    id, and none has a cost.
    """

    unit: str
    quantity: Number
    price_id: int | None = None
    cost_nano: int | None = None


class PricedRequest(NamedTuple):
    """A request's cost in nano-dollars, its quantities, and the tariff of the first quantity.

    `price_id` is the lowest id of a quantity without a price (see `lacks_price`), else None.
    `in_leg` says whether a quantity is part of a leg: its kind has a price with increments.
    """

    cost_nano: int
    price_id: int | None
    tariff: Tariff
    usages: list[PricedUsage]
    in_leg: bool = False


_encode: Final = msgspec.json.Encoder(decimal_format="number").encode
_decode: Final = msgspec.json.Decoder(
    list[PricedUsage], dec_hook=read_number, float_hook=Decimal
).decode


def price_request(
    data: CostRecorded, usages: Sequence[Usage], catalogue: Catalogue, time: datetime
) -> PricedRequest:
    """Price the quantities of a request at `time`, each rounded half-even to nano-dollars.

    The cost is the emitter's `total_cost`, else the sum of the quantities' costs, or 0 if one of
    them has neither price nor estimate. Raises Refused `invalid_event` above the limit.
    """
    tariffs = [tariff_of(catalogue, data, usage.unit) for usage in usages]
    if data.total_cost is not None:
        priced = [PricedUsage(usage.unit, usage.quantity) for usage in usages]
        return _request(nano_from_usd(data.total_cost), None, tariffs, priced)
    in_leg = any(tariff.has_increments for tariff in tariffs)
    context = request_context(data.price_context, usages)
    rates = [tariff.at(time, context) or tariff.estimate_at(time) for tariff in tariffs]
    priced = [
        PricedUsage(usage.unit, usage.quantity, rate.price_id, rate.cost_nano(usage.quantity))
        for usage, rate in zip(usages, rates, strict=True)
        if rate is not None
    ]
    if len(priced) == len(usages):
        estimates = [rate.price_id for rate in rates if rate and lacks_price(rate.price_id)]
        cost_nano = sum(usage.cost_nano or 0 for usage in priced)
        return _request(cost_nano, min(estimates, default=None), tariffs, priced, in_leg)
    missing = [
        PricedUsage(usage.unit, usage.quantity, UNPRICED if rate is None else None)
        for usage, rate in zip(usages, rates, strict=True)
    ]
    return _request(0, UNPRICED, tariffs, missing, in_leg)


def _request(
    cost_nano: int,
    price_id: int | None,
    tariffs: Sequence[Tariff],
    usages: list[PricedUsage],
    in_leg: bool = False,
) -> PricedRequest:
    require_bounded(cost_nano)
    return PricedRequest(cost_nano, price_id, tariffs[0], usages, in_leg)


def request_context(
    context: PriceContext | None, usages: Iterable[Usage | PricedUsage]
) -> PriceContext | None:
    """Return the context of a request; its input size is the sum of its input quantities."""
    if context is not None and context.input_size is not None:
        return context
    input_size = ceil(sum(usage.quantity for usage in usages if usage.unit in INPUT_UNITS))
    return replace(context or NO_CONTEXT, input_size=input_size) if input_size else context


def pack_usages(usages: Iterable[PricedUsage]) -> msgspec.Raw:
    """Return the quantities of a request as stored in the event's row."""
    return msgspec.Raw(_encode(list(usages)))


def unpack_usages(stored: str) -> list[PricedUsage]:
    """Return the quantities that `pack_usages` encoded."""
    return _decode(stored)
