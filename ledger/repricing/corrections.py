"""Which recorded costs a late price changes, and the events that correct them: pure.

A price may become known after costs of its time were recorded. History is not rewritten: such a
cost is voided, and recorded again at the price in force at its time. The ids of both events follow
from the cost and the new price, so applying a correction again changes nothing.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import datetime, timedelta
from decimal import Decimal
from itertools import pairwise
from typing import Final, NamedTuple, Protocol

import msgspec

from ledger.prices.catalogue import Catalogue, Rate, Tariff
from ledger.prices.conditions import parse_stored_context
from ledger.prices.pricing import UNPRICED
from ledger.recording.unpriced_events import FEE_OPERATION, FEE_UNIT
from schemas.events import (
    RERATE_SOURCE,
    CostRecorded,
    CostVoided,
    Event,
    EventData,
    EventReference,
    PriceContext,
)
from schemas.identity import fingerprint_of, identity_of

REFERENCE: Final = "rerated"
"""The field of a correcting cost's metadata that names the cost as its emitter sent it."""

CHARGE: Final = "charge"
"""The field of a fee's metadata with the identity of its charge."""

_TICK: Final = timedelta(microseconds=1)
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


class RecordedCost(NamedTuple):
    """A recorded cost as stored."""

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
    usage: Decimal
    unit: str
    unit_cost: Decimal | None
    price_id: int
    estimated: bool
    data: str | None
    price_context: str | None


class PricedCost(Protocol):
    """What the price of a recorded cost depends on."""

    @property
    def service(self) -> str: ...

    @property
    def operation(self) -> str: ...

    @property
    def model(self) -> str | None: ...

    @property
    def unit(self) -> str: ...

    @property
    def time(self) -> datetime: ...

    @property
    def price_id(self) -> int: ...

    @property
    def price_context(self) -> str | None: ...


class Rates:
    """The prices in force for each kind of usage, with a cache of tariffs."""

    def __init__(self, catalogue: Catalogue) -> None:
        self.catalogue = catalogue
        self._tariffs: dict[tuple[str, str, str, str], Tariff] = {}

    def tariff(self, service: str, operation: str, model: str, unit: str) -> Tariff:
        """Return the tariff of a kind of usage; an empty model is none."""
        key = (service, operation, model, unit)
        known = self._tariffs.get(key)
        if known is None:
            known = self._tariffs[key] = self.catalogue.tariff(
                service, operation, model or None, unit
            )
        return known

    def correction(self, cost: PricedCost) -> Rate | None:
        """Return the rate that a cost must be corrected to; None if its rate is right."""
        tariff = self.tariff(cost.service, cost.operation, cost.model or "", cost.unit)
        return _correction(
            tariff, cost.price_id, cost.time, parse_stored_context(cost.price_context)
        )


def _correction(
    tariff: Tariff, price_id: int, time: datetime, context: PriceContext | None = None
) -> Rate | None:
    rate = tariff.at(time, context)
    if rate is None or rate.price_id == price_id:
        return None
    counted = next((known for _, known in tariff.rates if known.price_id == price_id), None)
    return None if counted is not None and counted[1:] == rate[1:] else rate


def due_spans(rates: Rates, used: Iterable[UsedPrice]) -> Iterator[PriceSpan]:
    """Yield the spans of costs for which another rate may be in force now.

    A newer row with the same rate corrects nothing and is skipped. If the rate depends on more
    than the time, all costs of the kind are in the span, and `Rates.correction` decides.
    """
    for kind in used:
        tariff = rates.tariff(*kind[:4])
        if tariff.conditional:
            yield PriceSpan(*kind[:5], kind.first, kind.last + _TICK)
            continue
        inner = {since for since, _ in tariff.rates if kind.first < since <= kind.last}
        for starts, ends in pairwise([kind.first, *sorted(inner), kind.last + _TICK]):
            if _correction(tariff, kind.price_id, starts) is not None:
                yield PriceSpan(*kind[:5], starts, ends)


def correcting_events(cost: RecordedCost, rate: Rate) -> tuple[Event, Event]:
    """Return the void of a cost, and the cost at another price of the catalogue.

    Both count at the time of the cost. The new cost has no persona, so the call keeps its own.
    """
    event_id = f"{cost.identity}/{rate.price_id}"
    void = CostVoided(
        call_id=cost.call_id,
        user_id=cost.user_id,
        voids=EventReference(cost.source, cost.event_id),
        reason=(
            f"the price was not known, it is price {rate.price_id}"
            if cost.price_id == UNPRICED
            else f"price {cost.price_id} was not in force, price {rate.price_id} was"
        ),
    )
    corrected = CostRecorded(
        call_id=cost.call_id,
        user_id=cost.user_id,
        service=cost.service,
        operation=cost.operation_sent or cost.operation,
        usage=cost.usage,
        unit=cost.unit,  # type: ignore[arg-type] # it was one when it was recorded
        model=cost.model,
        unit_cost=cost.unit_cost,
        estimated=cost.estimated,
        metadata=_metadata(cost),
        price_context=parse_stored_context(cost.price_context),
    )
    return (
        _event(f"{event_id}/void", "cost.voided", cost.time, void),
        _event(event_id, "cost.recorded", cost.time, corrected),
    )


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
        unit=FEE_UNIT,  # type: ignore[arg-type] # a unit of the catalogue, which emitters lack
        total_cost=Decimal(fee_nano).scaleb(-9),
        metadata=msgspec.Raw(_encode({CHARGE: charge})),
    )
    return _event(f"{charge}/fee", "cost.recorded", time, fee)


def _metadata(cost: RecordedCost) -> msgspec.Raw:
    """Return the metadata of a cost with a reference to the one that its emitter sent."""
    fields = _fields.decode(cost.data) if cost.data and cost.data != "null" else {}
    if cost.source != RERATE_SOURCE:
        reference = {"source": cost.source, "id": cost.event_id, "priceId": cost.price_id}
        fields[REFERENCE] = msgspec.Raw(_encode(reference))
    return msgspec.Raw(_encode(fields))


def _event(event_id: str, kind: str, time: datetime, data: EventData) -> Event:
    content = _encode((kind, time, data))
    return Event(
        identity_of(RERATE_SOURCE, event_id),
        fingerprint_of(content),
        RERATE_SOURCE,
        event_id,
        kind,
        time,
        data,
    )
