"""Reads the stored state that a batch depends on, and writes its changes, in a transaction."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from itertools import chain
from operator import itemgetter
from typing import Any, Final

import msgspec

from ledger.calls.batch_changes import BatchChanges, CountedCost
from ledger.calls.call import Call, decode_costs
from ledger.calls.copy_rows import (
    ENTRY_COLUMNS,
    IDENTITY_COLUMNS,
    copy_input,
    identity_rows,
    owner_cell,
)
from ledger.calls.event_rows import EventRow
from ledger.calls.roundings import decode_roundings
from ledger.calls.tags import decode_origins, decode_tags
from ledger.charge_plans.terms import decode_decision
from ledger.postgres.database import Connection, UniqueViolation, affected_rows
from ledger.postgres.statements import statements
from schemas.events import Event
from schemas.stored import pack, unpack

_SQL: Final = statements("recording/recording")

_CALL_ID: Final = itemgetter(0)

_encode: Final = msgspec.json.Encoder(decimal_format="number").encode
_decode_charges: Final = msgspec.json.Decoder(dict[str, list[int]]).decode
_decode_sums: Final = msgspec.json.Decoder(dict[str, int]).decode
_decode_identities: Final = msgspec.json.Decoder(list[str]).decode


class StaleCallError(Exception):
    """Another writer changed a call since it was read; apply the batch again."""


class RepeatedIdentityError(Exception):
    """An identity was recorded before; look identities up and apply the batch again."""


async def known_identities(
    connection: Connection, identities: Sequence[str]
) -> list[tuple[int, int]]:
    """Return the recorded ones among `identities`, each as (index, recorded fingerprint)."""
    rows = await connection.fetch(*_SQL.bind("known_identities", identities=identities))
    return [(row[0] - 1, row[1]) for row in rows]


async def read_calls(connection: Connection, call_ids: Sequence[str]) -> dict[str, Call]:
    """Return the existing calls among `call_ids`, as last committed."""
    rows = await connection.fetch(*_SQL.bind("calls", call_ids=call_ids))
    return {row["call_id"]: call_of(dict(row)) for row in rows}


async def lock_calls(connection: Connection, call_ids: Sequence[str]) -> dict[str, Call]:
    """Return the calls as last committed, locked to the end of the transaction.

    A missing call is inserted with version 0, so that it can be locked too.
    """
    await connection.execute(*_SQL.bind("place_calls", call_ids=call_ids))
    rows = await connection.fetch(*_SQL.bind("lock_calls", call_ids=call_ids))
    return {row["call_id"]: call_of(dict(row)) for row in rows}


async def drop_unused(connection: Connection, known: Iterable[Call], changes: BatchChanges) -> None:
    """Remove calls that `lock_calls` inserted and no event changed."""
    unused = [c.call_id for c in known if c.version == 0 and c.call_id not in changes.changed]
    if unused:
        await connection.execute(*_SQL.bind("drop_placed_calls", call_ids=unused))


def call_of(row: Mapping[str, Any]) -> Call:
    """Return the call of a row."""
    return Call(
        **{
            **row,
            "costs": decode_costs(row["costs"]),
            "charges": _decode_charges(row["charges"]),
            "infrastructure": _decode_sums(row["infrastructure"]),
            "pending_voids": _decode_identities(row["pending_voids"]),
            "charge_plan": decode_decision(row["charge_plan"]),
            "tags": decode_tags(row["tags"]),
            "tagged_by": decode_origins(row["tagged_by"]),
            "roundings": decode_roundings(row["roundings"]),
        }
    )


async def read_held(connection: Connection, call_ids: Sequence[str]) -> dict[str, list[Event]]:
    """Return the held events of calls."""
    held: dict[str, list[Event]] = {}
    for row in await connection.fetch(*_SQL.bind("held_events", call_ids=call_ids)):
        held.setdefault(row["call_id"], []).append(unpack(row["event"]))
    return held


async def read_voidable(
    connection: Connection, targets: Iterable[tuple[str, str]]
) -> tuple[dict[str, CountedCost], frozenset[str]]:
    """Return the recorded costs among `targets`, and which of them are voided.

    A target is an identity and its call; an identity of another call is left out.
    """
    identities, call_ids = zip(*targets, strict=True)
    rows = await connection.fetch(*_SQL.bind("voidable", identities=identities, call_ids=call_ids))
    costs = {
        row["identity"]: CountedCost(
            row["call_id"],
            row["time"],
            row["service"],
            row["cost_nano"],
            row["estimated"],
            row["basis_nano"],
        )
        for row in rows
    }
    return costs, frozenset(row["identity"] for row in rows if row["voided"])


async def read_calls_without_details(
    connection: Connection, call_ids: Iterable[str]
) -> frozenset[str]:
    """Return the calls that have archived costs whose details have expired."""
    rows = await connection.fetch(*_SQL.bind("calls_without_details", call_ids=list(call_ids)))
    return frozenset(row["call_id"] for row in rows)


async def write(
    connection: Connection, changes: BatchChanges, recorded_at: datetime, *, is_large: bool
) -> None:
    """Write the calls and the events of a batch; the events of a small one are left to `move`.

    Calls are written first, and rows in the order of their keys, so that deadlocks are rare. Raises
    StaleCallError, and RepeatedIdentityError if an identity is not new.
    """
    if changes.changed:
        await _write_calls(connection, changes, recorded_at, is_large=is_large)
    if is_large:
        await _copy_events(connection, changes)
    if changes.processors:
        await connection.execute(
            *_SQL.bind("name_processors", processors=sorted(changes.processors))
        )
    if changes.released:
        await connection.execute(*_SQL.bind("release", identities=changes.released))
    if changes.held:
        hold = _SQL.bind(
            "hold",
            call_ids=[event.data.call_id for event in changes.held],
            identities=[event.identity for event in changes.held],
            events=[pack(event) for event in changes.held],
        )
        if affected_rows(await connection.execute(*hold)) < len(changes.held):
            raise RepeatedIdentityError


async def _copy_events(connection: Connection, changes: BatchChanges) -> None:
    identities = identity_rows(
        [event.identity for event in changes.recorded],
        [event.fingerprint for event in changes.recorded],
    )
    await connection.execute(_SQL["log_no_repeat"])
    try:
        await _copy(connection, "event_identities", IDENTITY_COLUMNS, identities)
    except UniqueViolation:
        raise RepeatedIdentityError from None
    await connection.execute(_SQL["log_as_usual"])
    pieces = chain.from_iterable(map(_pieces, changes.entries))
    await _copy(connection, "call_cost_events", ENTRY_COLUMNS, pieces)


async def _copy(
    connection: Connection, table: str, columns: Sequence[str], pieces: Iterable[bytes]
) -> None:
    await connection.copy_to_table(
        table, columns=columns, source=copy_input(pieces), format="binary"
    )


def _pieces(row: EventRow) -> tuple[bytes, bytes]:
    return row.copy_cells(), owner_cell(row.owner)


async def _write_calls(
    connection: Connection, changes: BatchChanges, recorded_at: datetime, *, is_large: bool
) -> None:
    calls = [call for _, (_, call) in sorted(changes.changed.items(), key=_CALL_ID)]
    whole = [call for call in calls if call.call_id not in changes.grown]
    if whole and not is_large:
        whole = calls  # a second statement costs more than narrow columns save
    if whole:
        written = _encode(whole).decode()
        _require(
            await connection.execute(
                *_SQL.bind("put_calls", calls=written, recorded_at=recorded_at)
            ),
            len(whole),
        )
    if len(whole) < len(calls):
        grown = [call for call in calls if call.call_id in changes.grown]
        update = _SQL.bind(
            "update_call_costs",
            call_ids=[call.call_id for call in grown],
            costs=[_encode(call.costs).decode() for call in grown],
            estimated_counts=[call.estimated_count for call in grown],
            event_counts=[call.event_count for call in grown],
            versions=[call.version for call in grown],
            recorded_at=recorded_at,
        )
        _require(await connection.execute(*update), len(grown))


def _require(status: str, expected: int) -> None:
    """Raise StaleCallError unless every call still had the version that was read."""
    if affected_rows(status) != expected:
        raise StaleCallError(f"{expected - affected_rows(status)} calls changed meanwhile")
