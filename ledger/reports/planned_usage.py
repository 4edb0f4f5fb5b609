"""Prices the usage that a call is about to make, and finds a cheaper model for it."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from decimal import Decimal
from typing import Final, NamedTuple

from ledger.postgres.viewers import ReaderPool, Viewer
from ledger.prices.alternatives import Alternative, UsageSlice, alternatives, read_retirements
from ledger.prices.catalogue import Catalogue
from ledger.prices.names import standard_model, standard_operation
from ledger.prices.price_book import PriceBook
from ledger.prices.pricing import lacks_price
from ledger.prices.usages import price_request, request_context
from ledger.reports.advice_facts import UsageSum
from schemas.events import CostRecorded, PriceContext
from schemas.usages import Usage

_NONE: Final = Decimal(0)


class PlannedUsage(NamedTuple):
    """The highest usage of a request that a call is about to make."""

    service: str
    operation: str
    model: str | None
    usages: Sequence[Usage]
    context: PriceContext | None = None


class PlannedPrices:
    """Prices of planned usages, from a cached catalogue. Raises StoreUnavailableError."""

    def __init__(self, readers: ReaderPool) -> None:
        self._readers = readers
        self._book = PriceBook()

    async def cost_nano(self, viewer: Viewer, planned: PlannedUsage, now: datetime) -> int | None:
        """Return the cost at present prices, None if unpriced; raises Refused if too high."""
        async with self._readers.reading(viewer) as connection:
            await self._book.refresh(connection)
        return usage_cost_nano(planned, self._book.catalogue, now)

    async def cheaper(
        self, viewer: Viewer, planned: PlannedUsage, cost_nano: int, now: datetime
    ) -> Alternative | None:
        """Return the cheapest model that costs less and is not retired soon, if there is one."""
        async with self._readers.reading(viewer) as connection:
            await self._book.refresh(connection)
            retirements = await read_retirements(connection)
        sums = _sums(planned, cost_nano)
        others = alternatives(sums, self._book.catalogue, now, retirements) if sums else []
        return next((other for other in others if other.saving_nano > 0), None)


def usage_cost_nano(planned: PlannedUsage, catalogue: Catalogue, now: datetime) -> int | None:
    """Return the cost of a usage in nano-dollars, None if a part has no price."""
    data = CostRecorded(
        call_id="",
        service=planned.service,
        operation=planned.operation,
        model=planned.model,
        price_context=planned.context,
        usages=list(planned.usages),
    )
    request = price_request(data, planned.usages, catalogue, now)
    return None if lacks_price(request.price_id) else request.cost_nano


def _sums(planned: PlannedUsage, cost_nano: int) -> list[UsageSum]:
    """Return the usage in the form that recommendations compare; the first has the cost."""
    if planned.model is None:
        return []
    operation = standard_operation(planned.service, planned.operation)
    model = standard_model(planned.model)
    context = request_context(planned.context, planned.usages)
    size = context.input_size if context is not None else None
    return [
        UsageSum(
            planned.service,
            operation,
            model,
            unit,
            events=1,
            calls=1,
            usage=quantity,
            cost_nano=0 if place else cost_nano,
            median=quantity,
            above_median_count=0,
            above_median=_NONE,
            phrases=0,
            repeats=0,
            repeated_usage=_NONE,
            repeated_cost_nano=0,
            examples=(),
            events_of_first_unit=1,
            slices=[UsageSlice(context, size, None, None, quantity)],
        )
        for place, (unit, quantity) in enumerate(
            (usage.unit, Decimal(usage.quantity)) for usage in planned.usages
        )
    ]
