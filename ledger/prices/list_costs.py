"""List costs: what a cost with the vendor's own price (`total_cost`) would be by the catalogue.

The vendor's price counts. The list cost is stored beside it, so that both can be compared.
"""

from __future__ import annotations

from datetime import datetime
from typing import Final

from ledger.prices.catalogue import Catalogue
from ledger.prices.pricing import tariff_of
from ledger.prices.usages import request_context
from schemas.events import CostRecorded
from schemas.usages import Usage

LIST_COST_NANO_MAX: Final = 2**63 - 1


def list_cost_nano(data: CostRecorded, catalogue: Catalogue, time: datetime) -> int | None:
    """Return what the quantities of a cost would be at the prices in force, in nano-dollars.

    None for a cost without `total_cost`, and if the catalogue has no price for a quantity. Billing
    increments are ignored: they apply to whole legs, and such a cost is in none.
    """
    if data.total_cost is None:
        return None
    usages = data.usages
    context = data.price_context
    if usages is not None:
        context = request_context(context, usages)
    elif data.usage is not None and data.unit is not None:
        usages = [Usage(unit=data.unit, quantity=data.usage)]
    total = 0
    for usage in usages or ():
        rate = tariff_of(catalogue, data, usage.unit).at(time, context)
        if rate is None:
            return None
        total += rate.cost_nano(usage.quantity)
    return total if total <= LIST_COST_NANO_MAX else None
