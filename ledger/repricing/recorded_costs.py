"""Recorded costs, and the facts that their prices depend on."""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal
from typing import NamedTuple, Protocol

from ledger.prices.pricing import UNPRICED
from ledger.prices.usages import PricedUsage, unpack_usages


class RecordedCost(NamedTuple):
    """A recorded cost as stored: with a single usage, or with the `usages` of one request.

    `basis_nano` is the cost that charges follow.
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


class PricedCost(Protocol):
    """What the price of a recorded cost depends on."""

    @property
    def service(self) -> str: ...

    @property
    def operation(self) -> str: ...

    @property
    def model(self) -> str | None: ...

    @property
    def usage(self) -> Decimal | None: ...

    @property
    def unit(self) -> str | None: ...

    @property
    def time(self) -> datetime: ...

    @property
    def price_id(self) -> int | None: ...

    @property
    def price_context(self) -> str | None: ...

    @property
    def usages(self) -> str | None: ...


def priced_usages(cost: PricedCost) -> list[PricedUsage]:
    """Return the quantities of a cost; of a single usage, or one without a price, without costs."""
    if cost.usages is not None:
        usages = unpack_usages(cost.usages)
        if cost.price_id == UNPRICED:
            return [PricedUsage(usage.unit, usage.quantity, UNPRICED) for usage in usages]
        return usages
    if cost.usage is None or cost.unit is None:
        raise ValueError("a recorded cost without usage")
    return [PricedUsage(cost.unit, cost.usage, cost.price_id)]
