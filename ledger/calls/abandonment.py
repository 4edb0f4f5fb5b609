"""Closes calls without an end of which no event arrived for too long.

A call is abandoned if it was closed when it had exactly the events that it has now: the decision in
`call.settled` states their number. So any later event reopens it. Closing and reopening settle the
call again. Like a failed call, an abandoned call is not charged.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import NamedTuple

from ledger.calls.batch_changes import BatchChanges, KnownState
from ledger.calls.batch_legs import BatchLegs
from ledger.calls.entries import settled_entry
from ledger.calls.open_call import OpenCall
from ledger.calls.settlement import settle
from ledger.prices.catalogue import Catalogue


class PendingClosing(NamedTuple):
    """The version at which a call is to be closed, and the time of its last event."""

    version: int
    last_at: datetime


def abandon_calls(
    last_events: Mapping[str, datetime], known: KnownState, catalogue: Catalogue
) -> BatchChanges:
    """Return the changes that close active calls of `known` as of the times of their last events.

    The pieces of their legs must be known.
    """
    changes = BatchChanges()
    legs = BatchLegs(known, catalogue)
    for call_id, last_at in sorted(last_events.items()):
        opened = OpenCall(call_id, known.calls[call_id])
        before, call = opened.before, opened.call
        call.abandon(last_at)
        settle(before, call, catalogue, legs.roundings(opened, ()))
        changes.entries.append(settled_entry(call, call.first_at or last_at))
        changes.spend.resettle(before, call)
        changes.movements.move(before, call)
        call.version += 1
        changes.add_call(before, call)
    return changes
