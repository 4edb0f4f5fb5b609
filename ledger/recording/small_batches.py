"""Rows of small batches as JSON, inserted together with the totals.

COPY is the fastest way to write many rows, but takes two round trips for each table. For a dozen
events the round trips take longer than the rows.
"""

from __future__ import annotations

from typing import Final

import msgspec

from ledger.calls.batch_changes import BatchChanges

_json: Final = msgspec.json.Encoder(decimal_format="number")


def identities_json(changes: BatchChanges) -> str:
    """Return the rows of `event_identities`, sorted by key."""
    rows = [
        {"identity": identity, "fingerprint": fingerprint}
        for identity, fingerprint in sorted(
            (one.identity, one.fingerprint) for one in changes.recorded
        )
    ]
    return _json.encode(rows).decode()


def entries_json(changes: BatchChanges) -> str:
    """Return the rows of `call_cost_events`."""
    return _json.encode([row.columns() for row in changes.entries]).decode()
