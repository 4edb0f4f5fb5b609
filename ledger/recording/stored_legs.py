"""Reads the stored pieces of legs that a batch may settle again."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from typing import Final

from ledger.calls.batch_changes import KnownState
from ledger.calls.call import Call
from ledger.calls.legs import LegPiece, leg_key, seconds_of
from ledger.postgres.database import Connection, Record
from ledger.postgres.statements import statements
from ledger.prices.increments import FIELDS, Increments, LegPrice, leg_price
from ledger.recording.batch_rows import read_calls_without_details
from schemas.events import Event

_SQL: Final = statements("recording/recording")


def settling_calls(calls: Mapping[str, Call], events: Iterable[Event]) -> set[str]:
    """Return the calls with legs that have ended, or that events of the batch may end."""
    ending = {event.call_id for event in events if event.type == "call.ended"}
    return {
        call_id
        for call_id, call in calls.items()
        if call.roundings is not None
        and (call.ended_at is not None or call.held_count or call_id in ending)
    }


async def read_legs(connection: Connection, call_ids: Collection[str], known: KnownState) -> None:
    """Add the pieces of legs of calls to `known`, and which calls lack the details of some."""
    legs: dict[str, list[LegPiece]] = {call_id: [] for call_id in call_ids}
    for row in await connection.fetch(*_SQL.bind("leg_pieces", call_ids=list(call_ids))):
        legs[row["call_id"]].append(piece_of(row))
    known.legs = legs
    known.calls_without_details |= await read_calls_without_details(connection, call_ids)


def piece_of(row: Record) -> LegPiece:
    """Return the piece of a row with its price."""
    return LegPiece(
        row["identity"],
        leg_key(row["service"], row["operation"], row["model"], row["leg_id"], row["unit"]),
        row["time"],
        seconds_of(row["quantity"], row["unit"]),
        row["cost_nano"],
        _price(row),
        _price(row, "basis_"),
    )


def _price(row: Record, prefix: str = "") -> LegPrice | None:
    """Return the price in the columns of a row that begin with a prefix."""
    names = ("price_id", "price_usd", "per_units", "price_unit", *FIELDS)
    price_id, usd, per_units, unit, *increments = (row[f"{prefix}{name}"] for name in names)
    return None if price_id is None else leg_price(usd, per_units, unit, Increments(*increments))
