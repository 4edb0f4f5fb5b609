"""Reads lists page by page: a user's calls in an order, and the events of a call.

A page begins after a position, not at a number, so that rows added meanwhile do not shift rows that
the reader has not seen.
"""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal
from typing import Any, Final, NamedTuple

import msgspec

from ledger.calls.call import decode_costs_by_service
from ledger.calls.roundings import Rounding
from ledger.calls.tags import decode_tags
from ledger.charge_plans.terms import ChargeDecision, decode_decision
from ledger.postgres.database import Record
from ledger.postgres.functions import reads
from ledger.postgres.viewers import ReaderPool, Viewer
from ledger.reports.costs import charges_of_days
from ledger.reports.filters import NO_FILTER, CostFilter
from ledger.reports.limit_cutoffs import LimitCutoff, decode_limit_cutoff
from ledger.reports.profit import Profit
from schemas.costs import UNKNOWN_PERSONA
from schemas.numbers import read_number

_READS: Final = reads("reports/lists")


class PagePosition(NamedTuple):
    """The last row before a page: its time, and its id for rows with the same time."""

    time: datetime
    key: str


class RankPosition(NamedTuple):
    """The last row before a page of a ranked list: its rank and its id."""

    rank: int
    key: str


class CallFilter(NamedTuple):
    """A filter of calls: first events from `earliest` to before `before`; None for any.

    `id_part` is a part of the id in any case. `having` selects calls with such a cost.
    """

    earliest: datetime | None = None
    before: datetime | None = None
    status: str | None = None
    id_part: str | None = None
    having: CostFilter = NO_FILTER

    @property
    def parameters(self) -> dict[str, Any]:
        """The parameters of statements; null matches everything."""
        fields = self._asdict()
        having: CostFilter = fields.pop("having")
        return fields | having.parameters


class CallOrder(NamedTuple):
    """An order of calls: by a field of a listed call; calls with the same value by their id."""

    field: str
    is_descending: bool


class ListedCall(NamedTuple):
    """A call in a list; `costs` are nano-dollars by service, `rank` is that of a ranked list."""

    call_id: str
    user_id: str
    persona_id: str | None
    tags: dict[str, str]
    status: str
    duration_ms: int
    costs: dict[str, int]
    profit: Profit
    estimated: bool
    first_at: datetime
    started_at: datetime | None
    ended_at: datetime | None
    updated_at: datetime
    unpriced_events: int = 0
    rank: int = 0
    charge_plan: ChargeDecision | None = None
    ended_by_limit: LimitCutoff | None = None

    @property
    def position(self) -> PagePosition:
        """The position after this call."""
        return PagePosition(self.first_at, self.call_id)

    @property
    def rank_position(self) -> RankPosition:
        """The position after this call in a ranked list."""
        return RankPosition(int(self.rank), self.call_id)


class SettlementDetails(msgspec.Struct, rename="camel"):
    """A settlement in nano-dollars: infrastructure shares, roundings, charge, fee and plan."""

    infrastructure: dict[str, int] = {}
    default_charge: int = 0
    default_fee: int = 0
    charge_plan: ChargeDecision | None = None
    roundings: list[Rounding] = []


_settlement: Final = msgspec.json.Decoder(
    SettlementDetails, dec_hook=read_number, float_hook=Decimal
)


class CallEventRow(NamedTuple):
    """An event of a call; `data` and `tags` are JSON or None, `usages` as stored."""

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
    usages: str | None = None
    tags: str | None = None
    unpriced: bool | None = None
    leg_id: str | None = None
    list_cost_nano: int | None = None

    @property
    def position(self) -> PagePosition:
        """The position after this event."""
        return PagePosition(self.time, self.identity)

    def settlement(self) -> SettlementDetails | None:
        """Return the settlement, if this row is one."""
        return _settlement.decode(self.data or "{}") if self.type == "call.settled" else None


async def list_calls(
    readers: ReaderPool,
    viewer: Viewer,
    user_id: str,
    filters: CallFilter,
    *,
    after: PagePosition | None,
    limit: int,
) -> list[ListedCall]:
    """Return up to `limit` calls of a user, newest first; raises StoreUnavailableError.

    Empty for a viewer without access to the user.
    """
    calls = _READS.bind(
        "calls",
        user_id=user_id,
        **viewer.parameters,
        **filters.parameters,
        **_after(after),
        unknown_persona=UNKNOWN_PERSONA,
        limit=limit,
    )
    rows = await readers.read(viewer, *calls)
    return [listed_call(row) for row in rows]


async def rank_calls(
    readers: ReaderPool,
    viewer: Viewer,
    user_id: str,
    filters: CallFilter,
    order: CallOrder,
    *,
    after: RankPosition | None,
    limit: int,
) -> list[ListedCall]:
    """Return up to `limit` calls of a user in an order; raises StoreUnavailableError.

    Empty for a viewer without access to the user. All calls that match are ranked, so more of them
    take longer.
    """
    rank, key = after or (None, None)
    calls = _READS.bind(
        "ranked_calls",
        user_id=user_id,
        **viewer.parameters,
        **filters.parameters,
        field=order.field,
        descending=order.is_descending,
        after_rank=rank,
        after_key=key,
        unknown_persona=UNKNOWN_PERSONA,
        limit=limit,
    )
    rows = await readers.read(viewer, *calls)
    return [listed_call(row) for row in rows]


async def any_call(readers: ReaderPool, viewer: Viewer) -> bool:
    """Return whether the viewer may see any call; raises StoreUnavailableError."""
    return bool(await readers.read_value(viewer, *_READS.bind("any_call", **viewer.parameters)))


def _after(position: PagePosition | None) -> dict[str, object]:
    time, key = position or (None, None)
    return {"after_time": time, "after_key": key}


def listed_call(row: Record) -> ListedCall:
    """Return a row of `calls` with its sums over all days."""
    values: dict[str, Any] = dict(row)
    costs = decode_costs_by_service(values["costs"])
    decoded = {
        "costs": costs,
        "profit": Profit(*charges_of_days(values.pop("charges")), sum(costs.values()), 0),
        "tags": decode_tags(values["tags"]) or {},
        "charge_plan": decode_decision(values["charge_plan"]),
        "ended_by_limit": decode_limit_cutoff(values.get("ended_by_limit")),
    }
    return ListedCall(**(values | decoded))


async def list_events(
    readers: ReaderPool, viewer: Viewer, call_id: str, *, after: PagePosition | None, limit: int
) -> tuple[list[CallEventRow], int] | None:
    """Return up to `limit` events of a call in order of time, and the number of archived ones.

    None if there is no call that the viewer may see. Raises StoreUnavailableError.
    """
    events = _READS.bind(
        "events", call_id=call_id, **viewer.parameters, **_after(after), limit=limit
    )
    rows = await readers.read(viewer, *events)
    if rows:
        return [_event_row(row) for row in rows], rows[0]["archived_events"]
    archived = await readers.read_value(
        viewer, *_READS.bind("archived_events", call_id=call_id, **viewer.parameters)
    )
    return None if archived is None else ([], archived)


def _event_row(row: Record) -> CallEventRow:
    return CallEventRow(**{name: row[name] for name in CallEventRow._fields})
