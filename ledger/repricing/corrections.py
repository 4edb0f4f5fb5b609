"""Finds the recorded costs that a late price changes, and makes the events that correct them.

A price may become known after costs of its time were recorded. History is not rewritten: such a
cost is voided, and recorded again at the price in force at its time. The ids of both events follow
from the cost and the new price, so applying a correction again changes nothing.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime, timedelta
from decimal import Decimal
from itertools import pairwise
from typing import Final, NamedTuple

import msgspec

from ledger.calls.basis import BASIS_PRICES, CHARGE_BASIS
from ledger.prices.catalogue import Catalogue
from ledger.prices.conditions import parse_stored_context
from ledger.prices.pricing import lacks_price
from ledger.prices.tariff import Rate, Tariff
from ledger.prices.usages import request_context
from ledger.recording.unpriced_events import FEE_OPERATION, FEE_UNIT
from ledger.repricing.recorded_costs import (
    PricedCost,
    RecordedCost,
    basis_price_ids,
    priced_usages,
)
from schemas.events import (
    RERATE_SOURCE,
    CostRecorded,
    CostVoided,
    Event,
    EventData,
    EventReference,
)
from schemas.identity import fingerprint_of, identity_of
from schemas.usages import Usage

REFERENCE: Final = "rerated"
"""The field of a correcting cost's metadata that names the cost as its emitter sent it."""

CHARGE: Final = "charge"
"""The field of a fee's metadata with the identity of its charge."""

TICK: Final = timedelta(microseconds=1)
_fields: Final = msgspec.json.Decoder(dict[str, msgspec.Raw])
_encode: Final = msgspec.json.Encoder(decimal_format="number").encode


class UsedPrice(NamedTuple):
    """A kind of usage, a price that costs were recorded at, and the first and last such time."""

    service: str
    operation: str
    model: str
    unit: str
    price_id: int
    first: datetime
    last: datetime


class PriceSpan(NamedTuple):
    """Costs of one kind and price, from `starts` to before `ends`."""

    service: str
    operation: str
    model: str
    unit: str
    price_id: int
    starts: datetime
    ends: datetime


class Rates:
    """Finds the rates in force for recorded costs."""

    def __init__(self, catalogue: Catalogue) -> None:
        self.catalogue = catalogue

    def tariff(self, service: str, operation: str, model: str, unit: str) -> Tariff:
        """Return the tariff of a kind of usage; `model` is empty for a usage without a model."""
        return self.catalogue.tariffs[service, operation, model or None, unit]

    def correction(self, cost: PricedCost) -> list[Rate] | None:
        """Return the rates that a cost must be corrected to, one for each of its quantities.

        None if its rates are right, or if a quantity has no price now.
        """
        usages, context = priced_usages(cost), parse_stored_context(cost.price_context)
        if cost.usages is not None:
            context = request_context(context, usages)
        rates: list[Rate] = []
        is_due = False
        for usage in usages:
            tariff = self.tariff(cost.service, cost.operation, cost.model or "", usage.unit)
            rate = tariff.at(cost.time, context)
            if rate is None or usage.price_id is None:
                return None
            rates.append(rate)
            is_due |= _is_corrected(tariff, usage.price_id, rate)
        return rates if is_due else None


def corrected_nano(cost: PricedCost, rates: Sequence[Rate]) -> int:
    """Return what a cost would be at these rates, one for each of its quantities."""
    return sum(
        rate.cost_nano(usage.quantity)
        for usage, rate in zip(priced_usages(cost), rates, strict=True)
    )


def _is_corrected(tariff: Tariff, price_id: int, rate: Rate | None) -> bool:
    """Return whether the rate in force now differs from the one that a cost was recorded at."""
    if rate is None or rate.price_id == price_id:
        return False
    counted = next((known for _, known in tariff.rates if known.price_id == price_id), None)
    return counted is None or counted._replace(price_id=rate.price_id) != rate


def due_spans(rates: Rates, used: Iterable[UsedPrice]) -> Iterator[PriceSpan]:
    """Yield the spans of costs for which another rate may be in force now.

    A newer row with the same rate corrects nothing and is skipped. If the rate depends on more
    than the time, all costs of the kind are in the span, and `Rates.correction` decides.
    """
    for kind in used:
        tariff = rates.tariff(*kind[:4])
        if tariff.conditional:
            yield PriceSpan(*kind[:5], kind.first, kind.last + TICK)
            continue
        inner = {since for since, _ in tariff.rates if kind.first < since <= kind.last}
        for starts, ends in pairwise([kind.first, *sorted(inner), kind.last + TICK]):
            if _is_corrected(tariff, kind.price_id, tariff.at(starts)):
                yield PriceSpan(*kind[:5], starts, ends)


def correcting_events(
    cost: RecordedCost, rates: Sequence[Rate], *, changes_charges: bool = False
) -> tuple[Event, Event]:
    """Return the void of a cost, and the cost at other prices of the catalogue.

    `rates` has one for each quantity. What was charged for the cost stays the same, unless
    `changes_charges` is set or the cost had no price. Both count at the time of the cost. The new
    cost has no persona, so the call keeps its own.
    """
    event_id = f"{cost.identity}/{','.join(str(rate.price_id) for rate in rates)}"
    void = CostVoided(
        call_id=cost.call_id,
        user_id=cost.user_id,
        voids=EventReference(cost.source, cost.event_id),
        reason=_reason(cost, rates),
    )
    usages = None
    if cost.usages is not None:
        usages = [Usage(usage.unit, usage.quantity) for usage in priced_usages(cost)]
    corrected = CostRecorded(
        call_id=cost.call_id,
        user_id=cost.user_id,
        service=cost.service,
        operation=cost.operation_sent or cost.operation,
        usage=cost.usage,
        unit=cost.unit,
        model=cost.model,
        unit_cost=cost.unit_cost,
        estimated=cost.estimated,
        metadata=_metadata(cost, keeps_charge=not changes_charges and is_priced(cost)),
        price_context=parse_stored_context(cost.price_context),
        usages=usages,
        leg_id=cost.leg_id,
    )
    return (
        ledger_event(RERATE_SOURCE, f"{event_id}/void", "cost.voided", cost.time, void),
        ledger_event(RERATE_SOURCE, event_id, "cost.recorded", cost.time, corrected),
    )


def _reason(cost: RecordedCost, rates: Sequence[Rate]) -> str:
    if cost.usages is not None:
        usages = priced_usages(cost)
        changed = sum(
            usage.price_id != rate.price_id for usage, rate in zip(usages, rates, strict=True)
        )
        return f"{changed} of {len(rates)} prices were not in force"
    if lacks_price(cost.price_id):
        return f"the price was not known, it is price {rates[0].price_id}"
    return f"price {cost.price_id} was not in force, price {rates[0].price_id} was"


def fee_event(
    charge: str, *, call_id: str, user_id: str, processor: str, time: datetime, fee_nano: int
) -> Event:
    """Return the processor's fee of a recorded charge as a cost at the time of the charge.

    `charge` is the identity of the charge, from which the id of the event follows.
    """
    fee = CostRecorded(
        call_id=call_id,
        user_id=user_id,
        service=processor,
        operation=FEE_OPERATION,
        usage=1,
        unit=FEE_UNIT,
        total_cost=Decimal(fee_nano).scaleb(-9),
        metadata=msgspec.Raw(_encode({CHARGE: charge})),
    )
    return ledger_event(RERATE_SOURCE, f"{charge}/fee", "cost.recorded", time, fee)


def is_priced(cost: RecordedCost) -> bool:
    """Return whether a cost has a price."""
    return not lacks_price(cost.price_id)


def _metadata(cost: RecordedCost, *, keeps_charge: bool) -> msgspec.Raw:
    """Return the metadata of a cost with a reference to the one that its emitter sent."""
    fields = _fields.decode(cost.data) if cost.data and cost.data != "null" else {}
    for name in (CHARGE_BASIS, BASIS_PRICES):
        fields.pop(name, None)
    if keeps_charge:
        fields[CHARGE_BASIS] = msgspec.Raw(_encode(cost.basis_nano))
        if prices := basis_price_ids(cost):
            fields[BASIS_PRICES] = msgspec.Raw(_encode(prices))
    if cost.source != RERATE_SOURCE:
        reference: dict[str, object] = {"source": cost.source, "id": cost.event_id}
        if cost.usages is None:
            reference["priceId"] = cost.price_id
        else:
            reference["priceIds"] = [usage.price_id for usage in priced_usages(cost)]
        fields[REFERENCE] = msgspec.Raw(_encode(reference))
    return msgspec.Raw(_encode(fields))


def ledger_event(source: str, event_id: str, kind: str, time: datetime, data: EventData) -> Event:
    """Return an event that the ledger makes itself; the same arguments give the same event."""
    content = _encode((kind, time, data))
    return Event(
        identity_of(source, event_id),
        fingerprint_of(content),
        source,
        event_id,
        kind,
        time,
        data,
    )
