"""Recorded costs, and what their prices depend on."""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal
from typing import NamedTuple

from ledger.calls.basis import decode_basis_prices
from ledger.prices.increments import UNIT_SECONDS
from ledger.prices.pricing import UNPRICED
from ledger.prices.usages import PricedUsage, unpack_usages

RecordedCostKey = tuple[str, str]
"""The identity of a cost and its call."""


class RecordedCost(NamedTuple):
    """A recorded cost as stored: with a single usage, or with the `usages` of one request.

    `basis_nano` is the cost that charges follow, `basis_prices` the prices that they follow for
    units of time where these differ, see `ledger.calls.basis`.
    """

    identity: str
    source: str
    event_id: str
    time: datetime
    user_id: str
    call_id: str
    service: str
    operation: str
    operation_sent: str | None
    model: str | None
    usage: Decimal | None
    unit: str | None
    unit_cost: Decimal | None
    price_id: int | None
    estimated: bool
    data: str | None
    price_context: str | None
    usages: str | None
    basis_nano: int
    basis_prices: str | None
    leg_id: str | None


class DueCost(NamedTuple):
    """A counted cost whose price may change: of `usage` in `unit`, or of `usages`.

    `basis_nano` and `basis_prices` are as in `RecordedCost`.
    """

    user_id: str
    call_id: str
    identity: str
    time: datetime
    service: str
    operation: str
    model: str
    unit: str | None
    usage: Decimal | None
    cost_nano: int
    price_id: int | None
    price_context: str | None
    usages: str | None
    basis_nano: int
    basis_prices: str | None
    leg_id: str | None


PricedCost = RecordedCost | DueCost
"""A cost that can be priced again."""


def basis_price_ids(cost: PricedCost) -> dict[str, int]:
    """Return the ids of the prices of a cost's units of time that charges follow."""
    stated = decode_basis_prices(cost.basis_prices)
    return {
        usage.unit: stated.get(usage.unit, usage.price_id)
        for usage in priced_usages(cost)
        if usage.unit in UNIT_SECONDS and usage.price_id is not None
    }


def priced_usages(cost: PricedCost) -> list[PricedUsage]:
    """Return the quantities of a cost, each with the id of its price."""
    if cost.usages is not None:
        usages = unpack_usages(cost.usages)
        if cost.price_id == UNPRICED:
            return [PricedUsage(usage.unit, usage.quantity, UNPRICED) for usage in usages]
        return usages
    if cost.usage is None or cost.unit is None:
        raise ValueError("a recorded cost without usage")
    return [PricedUsage(cost.unit, cost.usage, cost.price_id)]
