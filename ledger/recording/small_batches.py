"""Rows of small batches, which are inserted with the totals and not copied.

COPY is the fastest way for many rows, but it costs two round trips of its own for each table, which
a batch of a dozen events waits for longer than for its rows. Those travel as JSON, with everything
else that such a batch only adds to.
"""

from __future__ import annotations

from typing import Final

import msgspec

from ledger.calls.batch_changes import BatchChanges

_json: Final = msgspec.json.Encoder(decimal_format="number")


def identities_json(changes: BatchChanges) -> str:
    """Return the rows of `event_identities` in the order of their keys."""
    rows = [
        {"identity": identity, "fingerprint": fingerprint}
        for identity, fingerprint in sorted(
            (one.identity, one.fingerprint) for one in changes.taken
        )
    ]
    return _json.encode(rows).decode()


def entries_json(changes: BatchChanges) -> str:
    """Return the rows of `call_cost_events`."""
    return _json.encode([row.columns() for row in changes.entries]).decode()
