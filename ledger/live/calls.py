"""Reads active calls of all users; the live feed sends each call to its owner only."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from datetime import datetime
from itertools import groupby
from operator import itemgetter
from typing import Any, Final, NamedTuple

import msgspec

from ledger.calls.call import Call
from ledger.calls.privacy import OTHER_USERS_MIN
from ledger.charge_plans.plans import decode_plan_list
from ledger.live.usual_calls import CallLengths, CallSums, PersonaCalls, ServiceSums
from ledger.postgres.database import Record
from ledger.postgres.functions import reads
from ledger.postgres.viewers import ReaderPool, Viewer
from ledger.prices.catalogue import Catalogue, Price
from ledger.recording.batch_rows import call_of
from ledger.recording.epochs import published_version, require_epoch

_READS: Final = reads("live/calls")

CALLS_AT_ONCE: Final = 500
PERSONAS_AT_ONCE: Final = 50
ENDED_CALLS: Final = 200
"""How many of a persona's last ended calls decide what its calls usually last and cost."""

_ALL_USERS: Final = Viewer("", reads_all=True)


class ActiveCalls(NamedTuple):
    """The published versions of active calls, and the ledger's epoch."""

    epoch: int
    versions: dict[str, int]


class CommittedCall(NamedTuple):
    """A call with its published version, and the time of its last change."""

    call: Call
    updated_at: datetime


class LiveStore:
    """The calls of all users. Every method raises StoreUnavailableError."""

    def __init__(self, readers: ReaderPool) -> None:
        self._readers = readers

    async def active_calls(self, updated_after: datetime, limit: int) -> ActiveCalls:
        """Return the versions of active calls, latest started first."""
        return await self._active("active_versions", updated_after=updated_after, limit=limit)

    async def active_calls_of(
        self, users: Collection[str], updated_after: datetime, limit: int
    ) -> ActiveCalls:
        """Return the versions of the active calls of some users."""
        return await self._active(
            "active_versions_of", updated_after=updated_after, user_ids=list(users), limit=limit
        )

    async def _active(self, name: str, **values: object) -> ActiveCalls:
        rows = await self._readers.read(_ALL_USERS, *_READS.bind(name, **values))
        epoch = require_epoch(rows[0]["epoch"])
        versions = {
            row["call_id"]: published_version(epoch, row["version"])
            for row in rows
            if row["call_id"] is not None
        }
        return ActiveCalls(epoch, versions)

    async def calls(self, call_ids: Collection[str]) -> list[CommittedCall]:
        """Return the calls that exist and have an owner, as last committed.

        A caller with many ids splits them (`parts`), so that no read holds the event loop for long.
        """
        rows = await self._readers.read(_ALL_USERS, *_READS.bind("calls", call_ids=list(call_ids)))
        return [_committed_call(dict(row)) for row in rows]

    async def usual_calls(
        self, personas: Collection[str], once_services: Collection[str]
    ) -> dict[str, PersonaCalls]:
        """Return the sums of the last ended calls, by persona."""
        by_persona: dict[str, PersonaCalls] = {}
        for part in parts(list(personas), PERSONAS_AT_ONCE):
            rows = await self._readers.read(
                _ALL_USERS,
                *_READS.bind(
                    "usual_calls",
                    personas=part,
                    once_services=list(once_services),
                    calls_max=ENDED_CALLS,
                    users_min=OTHER_USERS_MIN,
                ),
            )
            for persona_id, group in groupby(rows, itemgetter("persona_id")):
                sums = [*group]
                by_persona[persona_id] = PersonaCalls.of(sums[0]["users"], map(_call_sums, sums))
        return by_persona

    async def once_services(self) -> frozenset[str]:
        """Return the services whose costs are paid once per call."""
        rows = await self._readers.read(_ALL_USERS, _READS["once_services"])
        return frozenset(row["service"] for row in rows)

    async def charge_prices(self) -> Catalogue:
        """Return the default price of a call, the processors' fees and the charge plans."""
        rows = await self._readers.read(_ALL_USERS, _READS["default_charge_prices"])
        plans = await self._readers.read_value(_ALL_USERS, _READS["charge_plans"])
        return Catalogue((Price(*row) for row in rows), decode_plan_list(plans))


def _call_sums(row: Record) -> CallSums:
    services = msgspec.json.decode(row["services"], type=dict[str, ServiceSums])
    return CallSums(
        row["user_id"],
        row["calls"],
        CallLengths(row["duration_ms"], row["calls"], row["spread_permille"]),
        CallLengths(row["announced_ms"], row["expected_ms"], row["announced_spread_permille"]),
        services,
    )


def _committed_call(row: dict[str, Any]) -> CommittedCall:
    updated_at, epoch = row.pop("updated_at"), require_epoch(row.pop("epoch"))
    row["version"] = published_version(epoch, row["version"])
    return CommittedCall(call_of(row), updated_at)


def parts(ids: list[str], size: int = CALLS_AT_ONCE) -> Iterator[list[str]]:
    """Yield ids in parts for one read each."""
    for start in range(0, len(ids), size):
        yield ids[start : start + size]
