"""Reads the active calls of a user from rows and JSON."""

from __future__ import annotations

from datetime import datetime
from typing import Final

import msgspec

from ledger.budgets.burn_rate import ChargeableCall
from ledger.calls.call import Call
from ledger.calls.tags import read_tags
from ledger.postgres.database import Record

_decode_costs: Final = msgspec.json.Decoder(dict[str, dict[str, int]]).decode
_decode_calls: Final = msgspec.json.Decoder(
    list[tuple[datetime, dict[str, dict[str, int]], int | None, str | None, dict[str, str]]]
).decode


def read_active_calls(stored: str | None) -> list[ChargeableCall]:
    """Return the active calls of a budget's status."""
    return [_active_call(call) for call in _decode_calls(stored or "[]")]


def _active_call(
    row: tuple[datetime, dict[str, dict[str, int]], int | None, str | None, dict[str, str]],
) -> ChargeableCall:
    first_at, costs, expected_ms, persona_id, tags = row
    return ChargeableCall(first_at, _sum(costs), expected_ms, persona_id, tags)


def call_of_row(row: Record) -> Call:
    """Return an active call of a row, with its costs, persona and tags only."""
    return Call(
        call_id=row["call_id"],
        user_id=row["user_id"],
        first_at=row["first_at"],
        costs=_decode_costs(row["costs"]),
        persona_id=row["persona_id"],
        tags=read_tags(row["tags"]),
    )


def _sum(costs: dict[str, dict[str, int]]) -> int:
    """Return the total of costs by day and service."""
    return sum(nano for services in costs.values() for nano in services.values())
