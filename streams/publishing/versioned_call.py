"""A call to publish, with the version and time of its total."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from typing import NamedTuple

from ledger.calls.call import Call
from ledger.calls.totals import call_total_json
from ledger.recording.epochs import published_version


class VersionedCall(NamedTuple):
    """A call to publish, its published version and the time of its last change."""

    call: Call
    version: int
    at: datetime

    def record(self) -> tuple[bytes, bytes]:
        return self.call.call_id.encode(), call_total_json(self.call, self.at, self.version)


def totals_of(calls: Iterable[Call], epoch: int, at: datetime) -> list[VersionedCall]:
    """Return the totals of calls read in an epoch."""
    return [VersionedCall(call, published_version(epoch, call.version), at) for call in calls]
