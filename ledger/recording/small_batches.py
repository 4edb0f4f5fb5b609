"""Rows of events that are too few for COPY.

COPY is the fastest way for many rows, but it costs two round trips of its own for each table, which
a batch of a dozen events waits for longer than for its rows. Those travel as JSON, with everything
else that such a batch only adds to.
"""

from __future__ import annotations

from typing import Final

import msgspec

from ledger.calls.batch_changes import BatchChanges
from ledger.calls.entries import Entry
from ledger.calls.rating import RatedCost

FEW_ROWS: Final = 100

_json: Final = msgspec.json.Encoder(decimal_format="number")


def are_few(folded: BatchChanges) -> bool:
    """Return whether the rows of a batch are inserted with its totals, and not copied."""
    return max(len(folded.taken), len(folded.entries)) <= FEW_ROWS and not any(
        isinstance(row, RatedCost) and isinstance(row.row, bytes) for row in folded.entries
    )


def identities_json(folded: BatchChanges) -> str:
    """Return the rows of `event_identities` in the order of their keys."""
    rows = [
        {"identity": identity, "fingerprint": fingerprint}
        for identity, fingerprint in sorted((one.identity, one.fingerprint) for one in folded.taken)
    ]
    return _json.encode(rows).decode()


def entries_json(folded: BatchChanges) -> str:
    """Return the rows of `call_cost_events`."""
    return _json.encode([_columns(row) for row in folded.entries]).decode()


def _columns(row: Entry | RatedCost) -> dict[str, object]:
    if isinstance(row, Entry):
        return row._asdict()
    if isinstance(row.row, Entry):
        return row.row._asdict() | {"user_id": row.owner}
    raise TypeError("a row that was written for COPY cannot be inserted")
