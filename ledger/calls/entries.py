"""Rows of `call_cost_events`, from which every total follows, one for each event."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from decimal import Decimal
from functools import partial
from hashlib import blake2b
from typing import Any, Final, NamedTuple

import msgspec

from ledger.calls.call import Call
from ledger.calls.copy_rows import row_cells
from ledger.prices.conditions import stored_context
from ledger.prices.pricing import UNPRICED, lacks_price
from ledger.prices.tariff import Tariff
from ledger.prices.usages import unpack_usages
from schemas.events import (
    LEDGER_SOURCE,
    CallCharged,
    CostRecorded,
    CostVoided,
    Event,
    EventReference,
)
from schemas.identity import identity_of
from schemas.money import nano_from_usd

SETTLED_TYPE: Final = "call.settled"

_json: Final = msgspec.json.Encoder(decimal_format="number")


class Entry(NamedTuple):
    """A row of `call_cost_events`; the field names are its columns.

    Money is nano-dollars, except the emitter's `unit_cost` in USD. `usages` are the quantities of
    one request, see `ledger.prices.usages`; the columns of a single usage are None then.
    """

    identity: str
    source: str
    event_id: str
    type: str
    time: datetime
    user_id: str
    call_id: str
    persona_id: str | None = None
    service: str | None = None
    operation: str | None = None
    operation_sent: str | None = None
    model: str | None = None
    usage: int | Decimal | None = None
    unit: str | None = None
    unit_cost: int | Decimal | None = None
    cost_nano: int = 0
    amount_nano: int = 0
    price_id: int | None = None
    estimated: bool = False
    voids: str | None = None
    data: str | None = None
    tags: str | None = None
    price_context: str | None = None
    usages: msgspec.Raw | None = None
    leg_id: str | None = None
    list_cost_nano: int | None = None

    @property
    def owner(self) -> str:
        return self.user_id

    @property
    def is_unpriced(self) -> bool:
        return lacks_price(self.price_id)

    @property
    def unpriced_unit(self) -> str | None:
        """The first unit without a price; None for a charge."""
        if self.usages is None:
            return self.unit
        usages = unpack_usages(bytes(self.usages).decode())
        return next((usage.unit for usage in usages if lacks_price(usage.price_id)), None)

    def copy_cells(self) -> bytes:
        return row_cells(self)

    def columns(self) -> dict[str, object]:
        return self._asdict()

    def reference(self) -> EventReference:
        return EventReference(self.source, self.event_id)


_entry: Final[Callable[[tuple[Any, ...]], Entry]] = partial(tuple.__new__, Entry)
"""Takes a third of the time that calling the class takes."""


def cost_entry(
    event: Event,
    data: CostRecorded,
    tariff: Tariff,
    cost_nano: int,
    price_id: int | None,
    usages: msgspec.Raw | None = None,
    list_cost: int | None = None,
) -> Entry:
    """Return the row of a recorded cost without its owner, who is known by the call.

    `usages` are the quantities of a request as stored, `list_cost` is in nano-dollars.
    """
    columns = (
        event.identity,
        event.source,
        event.id,
        event.type,
        event.time,
        "",
        data.call_id,
        data.persona_id,
        data.service,
        tariff.operation,
        tariff.operation_sent,
        tariff.model,
        data.usage,
        data.unit,
        data.unit_cost,
        cost_nano,
        0,
        price_id,
        data.estimated,
        None,
        str(data.metadata, "utf-8") or None,
        _tags(data.tags),
        data.price_context and stored_context(data.price_context),
        usages,
        data.leg_id,
        list_cost,
    )
    return _entry(columns)


def _tags(tags: dict[str, str] | None) -> str | None:
    return _json.encode(tags).decode() if tags else None


def _base_entry(event: Event, call: Call) -> Entry:
    return Entry(
        event.identity,
        event.source,
        event.id,
        event.type,
        event.time,
        call.user_id or "",
        call.call_id,
        data=_json.encode(event.data).decode(),
        tags=_tags(event.data.tags),
    )


def fact_entry(event: Event, call: Call) -> Entry:
    """Return the row of an event that moves no money by itself."""
    persona_id = getattr(event.data, "persona_id", None)
    return _base_entry(event, call)._replace(persona_id=persona_id)


def charge_entry(event: Event, data: CallCharged, call: Call, fee_nano: int | None) -> Entry:
    """Return the row of a charge with the processor's fee; None if the fee is unknown."""
    return _base_entry(event, call)._replace(
        service=data.processor,
        cost_nano=fee_nano or 0,
        amount_nano=nano_from_usd(data.amount),
        price_id=UNPRICED if fee_nano is None else None,
    )


def refund_entry(event: Event, call: Call, amount_nano: int) -> Entry:
    """Return the row of a refund."""
    return _base_entry(event, call)._replace(amount_nano=amount_nano)


def void_entry(event: Event, data: CostVoided, call: Call) -> Entry:
    """Return the row of a void with the identity of the voided cost."""
    target = identity_of(data.voids.source, data.voids.id)
    return _base_entry(event, call)._replace(voids=target)


def settled_entry(call: Call, first_at: datetime) -> Entry:
    """Return the row with the ledger's own decisions on a call, as of its new version."""
    version = call.version + 1
    event_id = f"{call.call_id}/{version}"
    decided: dict[str, object] = {
        "infrastructure": call.infrastructure,
        "defaultCharge": call.default_charge_nano,
        "defaultFee": call.default_fee_nano,
        "version": version,
    }
    if call.charge_plan is not None:
        decided["chargePlan"] = call.charge_plan
    if call.roundings is not None:
        decided["roundings"] = call.roundings
    if call.status == "abandoned":
        decided["abandoned"] = {
            "at": call.ended_at,
            "durationMs": call.duration_ms,
            "events": call.event_count,
        }
    return Entry(
        blake2b(f"{LEDGER_SOURCE}\0{event_id}".encode(), digest_size=16).hexdigest(),
        LEDGER_SOURCE,
        event_id,
        SETTLED_TYPE,
        first_at,
        call.user_id or "",
        call.call_id,
        data=_json.encode(decided).decode(),
    )
