"""Reads the active calls of a user from rows and JSON."""

from __future__ import annotations

from datetime import datetime
from typing import Final

import msgspec

from ledger.budgets.burn_rate import ChargeableCall
from ledger.calls.call import Call, decode_costs, total_nano
from ledger.calls.tags import decode_tags
from ledger.postgres.database import Record

_decode_calls: Final = msgspec.json.Decoder(
    list[tuple[datetime, dict[str, dict[str, int]], int | None, str | None, dict[str, str]]]
).decode


def decode_active_calls(stored: str | None) -> list[ChargeableCall]:
    """Return the active calls of a budget's status."""
    return [
        ChargeableCall(first_at, total_nano(costs), expected_ms, persona_id, tags)
        for first_at, costs, expected_ms, persona_id, tags in _decode_calls(stored or "[]")
    ]


def call_of_row(row: Record) -> Call:
    """Return the call of a row, with its costs, persona and tags only."""
    return Call(
        call_id=row["call_id"],
        user_id=row["user_id"],
        first_at=row["first_at"],
        costs=decode_costs(row["costs"]),
        persona_id=row["persona_id"],
        tags=decode_tags(row["tags"]),
    )
