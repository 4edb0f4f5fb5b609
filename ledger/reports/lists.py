"""Reads lists page by page: a user's calls, newest first, and the events of one call.

A page begins after a position, not at a number: what is added meanwhile moves nothing that a
reader has yet to see.
"""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal
from typing import Any, Final, NamedTuple

import msgspec

from ledger.postgres.database import Record
from ledger.postgres.functions import reads
from ledger.postgres.viewers import ReaderPool, Viewer
from ledger.reports.profit import Profit

_READS: Final = reads("reports/lists")

_costs_by_day: Final = msgspec.json.Decoder(dict[str, dict[str, int]])
_charges_by_day: Final = msgspec.json.Decoder(dict[str, tuple[int, int]])


class PagePosition(NamedTuple):
    """After which row a page begins: its time, and the id that tells rows of one time apart."""

    time: datetime
    key: str


class CallFilter(NamedTuple):
    """Which calls to list: first events from `earliest` to before `before`; None for any."""

    earliest: datetime | None = None
    before: datetime | None = None
    persona_id: str | None = None
    status: str | None = None


class ListedCall(NamedTuple):
    """A call in a list; `costs` are nano-dollars by service."""

    call_id: str
    user_id: str
    persona_id: str | None
    status: str
    duration_ms: int
    costs: dict[str, int]
    profit: Profit
    estimated: bool
    first_at: datetime
    started_at: datetime | None
    ended_at: datetime | None
    updated_at: datetime

    @property
    def position(self) -> PagePosition:
        """Where a page that follows this call begins."""
        return PagePosition(self.first_at, self.call_id)


class SettlementDetails(msgspec.Struct, rename="camel"):
    """What the ledger decided about a call, in nano-dollars: shares, default charge and fee."""

    infrastructure: dict[str, int] = {}
    default_charge: int = 0
    default_fee: int = 0


_decided: Final = msgspec.json.Decoder(SettlementDetails)


class EventRow(NamedTuple):
    """An entry of a call; `data` is a JSON text or None."""

    identity: str
    source: str
    event_id: str
    type: str
    time: datetime
    recorded_at: datetime
    service: str | None
    operation: str | None
    model: str | None
    usage: Decimal | None
    unit: str | None
    unit_cost: Decimal | None
    cost_nano: int
    amount_nano: int
    estimated: bool
    data: str | None
    voided: bool

    @property
    def position(self) -> PagePosition:
        """Where a page that follows this event begins."""
        return PagePosition(self.time, self.identity)

    def decided(self) -> SettlementDetails | None:
        """Return what the ledger decided, where this row says it."""
        return _decided.decode(self.data or "{}") if self.type == "call.settled" else None


async def list_calls(
    readers: ReaderPool,
    viewer: Viewer,
    user_id: str,
    wanted: CallFilter,
    *,
    after: PagePosition | None,
    unnamed_persona: str,
    most: int,
) -> list[ListedCall]:
    """Return up to `most` calls of a user, newest first; raises StoreUnavailableError.

    A viewer who may not see the user is shown none.
    """
    calls = _READS.bind(
        "calls",
        user_id=user_id,
        **viewer.parameters,
        **wanted._asdict(),
        **_after(after),
        unnamed_persona=unnamed_persona,
        most=most,
    )
    rows = await readers.read(viewer, *calls)
    return [listed_call(row) for row in rows]


async def any_call(readers: ReaderPool, viewer: Viewer) -> bool:
    """Return whether there is any call that a viewer may see; raises StoreUnavailableError."""
    return bool(await readers.read_value(viewer, *_READS.bind("any_call", **viewer.parameters)))


def _after(position: PagePosition | None) -> dict[str, object]:
    time, key = position or (None, None)
    return {"after_time": time, "after_key": key}


def listed_call(row: Record) -> ListedCall:
    """Return a row of `calls` with its sums over all of its days."""
    values: dict[str, Any] = dict(row)
    costs: dict[str, int] = {}
    for services in _costs_by_day.decode(values["costs"]).values():
        for service, nano in services.items():
            costs[service] = costs.get(service, 0) + nano
    charges = _charges_by_day.decode(values.pop("charges")).values()
    charged, refunded = sum(c for c, _ in charges), sum(r for _, r in charges)
    profit = Profit(charged, refunded, sum(costs.values()), 0)
    return ListedCall(**(values | {"costs": costs, "profit": profit}))


async def list_events(
    readers: ReaderPool, viewer: Viewer, call_id: str, *, after: PagePosition | None, most: int
) -> tuple[list[EventRow], int] | None:
    """Return up to `most` events of a call in order of time, and how many are in the archive.

    None where there is no call that the viewer may see. Raises StoreUnavailableError.
    """
    events = _READS.bind("events", call_id=call_id, **viewer.parameters, **_after(after), most=most)
    rows = await readers.read(viewer, *events)
    if rows:
        return [_event_row(row) for row in rows], rows[0]["archived_events"]
    archived = await readers.read_value(
        viewer, *_READS.bind("archived_events", call_id=call_id, **viewer.parameters)
    )
    return None if archived is None else ([], archived)


def _event_row(row: Record) -> EventRow:
    return EventRow(**{name: row[name] for name in EventRow._fields})
