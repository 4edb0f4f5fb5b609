"""Builds the cost breakdowns of response bodies: by service, by class, and line by line."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from datetime import date, timedelta
from decimal import Decimal
from typing import Any, Final, TypeVar

import msgspec

from ledger.calls.roundings import Rounding
from ledger.reports.costs import CostClass, DaySum, QuantityLine, ServiceCosts, UsageLine
from ledger.reports.filters import NO_FILTER, CostFilter
from schemas.costs import (
    API_SERVICES,
    USUAL_SERVICES,
    CostLine,
    DayCost,
    QuantityCost,
    RoundingCost,
    SpendingDay,
)
from schemas.exact import Exact
from schemas.money import NANO_PER_USD, Usd, half_even

DayBody = TypeVar("DayBody")

UNIT_COST_PLACES: Final = 12

_UNIT_COST_SCALE: Final = 10**UNIT_COST_PLACES

_IN_PRICE_UNITS: Final[Mapping[tuple[str | None, str | None], tuple[int, int]]] = {
    ("minutes", "seconds"): (1, 60),
    ("seconds", "minutes"): (60, 1),
}
"""The factor (numerator, denominator) by the catalogue's unit and the unit of the usage."""


def by_service(costs: ServiceCosts) -> dict[str, Usd]:
    """Return the cost of each service: the standard services always, others if not zero."""
    return with_standard_services({service: cost.cost_nano for service, cost in costs.items()})


def with_standard_services(sums: Mapping[str, int]) -> dict[str, Usd]:
    """Return costs by service: the standard services always, others if not zero."""
    return {service: Usd(0) for service in USUAL_SERVICES} | nonzero_costs(sums)


def nonzero_costs(sums: Mapping[str, int]) -> dict[str, Usd]:
    """Return costs by service that are not zero."""
    return {service: Usd(nano) for service, nano in sums.items() if nano}


def fill_days(
    first: date, last: date, sums: Iterable[DaySum], body: Callable[[DaySum], DayBody]
) -> list[DayBody]:
    """Return the body of every day from the first to the last, so that charts have no gaps."""
    by_day = {day.day: day for day in sums}
    days = (first + timedelta(days=number) for number in range((last - first).days + 1))
    return [body(by_day.get(day) or DaySum(day)) for day in days]


def day_cost(day: DaySum, filters: CostFilter = NO_FILTER, *, is_grouped: bool = False) -> DayCost:
    """Return a day of all users."""
    return DayCost(**_day_fields(day, filters, is_grouped))


def spending_day(
    day: DaySum, filters: CostFilter = NO_FILTER, *, is_grouped: bool = False
) -> SpendingDay:
    """Return a day of one user."""
    fields = _day_fields(day, filters, is_grouped)
    return SpendingDay(**fields, cost_by_persona=nonzero_costs(day.by_persona))


def _day_fields(day: DaySum, filters: CostFilter, is_grouped: bool) -> dict[str, Any]:
    profit = day.profit
    return {
        "date": day.day,
        "calls": day.calls,
        "total_cost": Usd(profit.cost_nano),
        "charged_to_user": Usd(day.charged_nano),
        "gross_profit": None if filters.narrows_costs else Usd(profit.gross_nano),
        "cost_by_service": nonzero_costs(day.costs),
        "cost_by_group": nonzero_costs(day.by_group) if is_grouped else None,
    }


def costs_of_class(
    costs: ServiceCosts, cost_class: CostClass, always: Iterable[str]
) -> dict[str, Usd]:
    """Return the costs of one class by service; services in `always` even if zero."""
    return {service: Usd(0) for service in always} | {
        service: Usd(cost.cost_nano)
        for service, cost in costs.items()
        if cost.cost_class == cost_class and (cost.cost_nano or service in always)
    }


def api_costs(costs: ServiceCosts, lines: Iterable[UsageLine]) -> dict[str, list[CostLine]]:
    """Return the lines of each API service, in order.

    Services with a cost, and the standard ones, have an entry even without a line.
    """
    listed: dict[str, list[CostLine]] = {
        service: [] for service in costs_of_class(costs, "api", API_SERVICES)
    }
    for line in lines:
        if costs[line.service].cost_class == "api":
            listed.setdefault(line.service, []).append(_cost_line(line))
    return listed


def _cost_line(line: UsageLine) -> CostLine:
    price = unit_cost(line)
    return CostLine(
        service=line.service,
        operation=line.operation,
        usage=None if line.usage is None else Exact(line.usage),
        unit=line.unit,
        unit_cost=None if price is None else Exact(price),
        total_cost=Usd(line.cost_nano),
        metadata=_object(line.metadata),
        usages=[_quantity_cost(quantity) for quantity in line.usages or ()],
        unpriced=line.unpriced,
        leg_id=line.leg_id,
    )


def rounding_costs(roundings: Iterable[Rounding]) -> list[RoundingCost]:
    """Return the roundings of a call's legs."""
    return [
        RoundingCost(
            service=rounding.service,
            operation=rounding.operation,
            model=rounding.model or None,
            leg_id=rounding.leg_id or None,
            billed_seconds=Exact(Decimal(rounding.seconds)),
            total_cost=Usd(rounding.nano),
        )
        for rounding in roundings
        if rounding.nano
    ]


def _quantity_cost(line: QuantityLine) -> QuantityCost:
    price = _catalogue_price(line)
    return QuantityCost(
        unit=line.unit,
        quantity=Exact(line.quantity),
        unit_cost=None if price is None else Exact(price),
        total_cost=None if line.cost_nano is None else Usd(line.cost_nano),
    )


def unit_cost(line: UsageLine) -> Decimal | None:
    """Return US dollars per unit of a single usage, rounded half-even to 12 decimals.

    That is the price it was counted at: the catalogue's, converted to the unit of the usage, else
    the emitter's, else the cost divided by the usage; 0 for no usage. None for a request.
    """
    if line.usage is None:
        return None
    if (price := _catalogue_price(line)) is not None:
        return price
    if line.unit_cost is not None:
        return _divide_half_even(*line.unit_cost.as_integer_ratio())
    usage, per_usage = line.usage.as_integer_ratio()
    if not usage:
        return Decimal(0)
    return _divide_half_even(line.cost_nano * per_usage, usage * NANO_PER_USD)


def _catalogue_price(line: UsageLine | QuantityLine) -> Decimal | None:
    """Return the catalogue's price in US dollars, converted to the unit of the usage."""
    if line.price_usd is None:
        return None
    times, parts = _IN_PRICE_UNITS.get((line.price_unit, line.unit), (1, 1))
    numerator, denominator = line.price_usd.as_integer_ratio()
    return _divide_half_even(numerator * times, denominator * parts * (line.per_units or 1))


def _divide_half_even(numerator: int, denominator: int) -> Decimal:
    return Decimal(half_even(numerator * _UNIT_COST_SCALE, denominator)).scaleb(-UNIT_COST_PLACES)


def _object(metadata: str | None) -> msgspec.Raw:
    """Return metadata as it was sent, or an empty object without any."""
    return msgspec.Raw(b"{}" if metadata in {None, "null"} else str(metadata).encode())
