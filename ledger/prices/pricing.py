"""Computes a usage's cost from the event's total or unit cost, the catalogue or an estimate."""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal
from typing import Final

import msgspec

from ledger.prices.catalogue import Catalogue
from ledger.prices.tariff import Tariff
from schemas.events import CostRecorded
from schemas.money import MAX_EVENT_NANO, NANO_PER_USD, half_even, nano_from_usd
from schemas.refusals import Refused

UNPRICED: Final = 0
"""The `price_id` in the row of an event without a price, which costs 0 until it has one.

If a row of the catalogue estimates the cost, the `price_id` is the negative id of that row.
"""


def lacks_price(price_id: int | None) -> bool:
    """Return whether a row or quantity with this `price_id` has no price, but for an estimate."""
    return price_id is not None and price_id <= UNPRICED


class _Metadata(msgspec.Struct):
    model: str | None = None


_decode_metadata: Final = msgspec.json.Decoder(_Metadata).decode


def _model_in_metadata(data: CostRecorded) -> str | None:
    """Return the model that early emitters sent in the metadata."""
    if b'"model"' not in bytes(data.metadata):  # cheaper than decoding; few events have it
        return None
    try:
        return _decode_metadata(data.metadata).model
    except msgspec.DecodeError:
        return None


def tariff_of(catalogue: Catalogue, data: CostRecorded, unit: str) -> Tariff:
    """Return the tariff of a recorded usage in `unit`."""
    model = data.model
    if model is None:
        model = _model_in_metadata(data)
    return catalogue.tariffs[data.service, data.operation, model, unit]


def price(
    data: CostRecorded, usage: int | Decimal, tariff: Tariff, time: datetime
) -> tuple[int, int | None]:
    """Price a single usage at `time`, rounded half-even to nano-dollars.

    Returns the cost and the id of the catalogue row that it is based on, if any; without a price,
    the estimate and the negative id of its row, or 0 and UNPRICED. The event's `total_cost` has
    priority over the catalogue; its `unit_cost` applies only if the catalogue has no price. Raises
    Refused `invalid_event` if the cost is above MAX_EVENT_NANO.
    """
    price_id = None
    if data.total_cost is not None:
        cost_nano = nano_from_usd(data.total_cost)
    elif (rate := tariff.at(time, data.price_context)) is not None:
        price_id, numerator, denominator, _ = rate
        if denominator == 1 and type(usage) is int:  # most prices are whole nano-dollars per unit
            cost_nano = usage * numerator
        else:
            cost_nano = rate.cost_nano(usage)
    elif data.unit_cost is not None:
        cost_nano = _cost_of_units(usage, data.unit_cost)
    elif (estimate := tariff.estimate_at(time)) is not None:
        price_id, cost_nano = estimate.price_id, estimate.cost_nano(usage)
    else:
        return 0, UNPRICED
    require_bounded(cost_nano)
    return cost_nano, price_id


def require_bounded(cost_nano: int) -> None:
    """Raise Refused for a cost above the maximum of one event."""
    if cost_nano > MAX_EVENT_NANO:
        raise Refused("invalid_event", "The cost of one event is above a billion USD.")


def _cost_of_units(usage: int | Decimal, unit_cost: int | Decimal) -> int:
    usage_numerator, usage_denominator = usage.as_integer_ratio()
    cost_numerator, cost_denominator = unit_cost.as_integer_ratio()
    return half_even(
        usage_numerator * cost_numerator * NANO_PER_USD, usage_denominator * cost_denominator
    )
