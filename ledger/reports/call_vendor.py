"""Reads the vendor that carries a call, and its address that controls the call."""

from __future__ import annotations

from typing import Final, NamedTuple

from ledger.postgres.statements import statements
from ledger.postgres.viewers import ReaderPool, Viewer

_SQL: Final = statements("reports/call_vendor")


class CallVendor(NamedTuple):
    """The vendor of a call; each field is None if no event names it."""

    provider: str | None
    provider_call_id: str | None
    control_url: str | None


async def read_call_vendor(readers: ReaderPool, viewer: Viewer, call_id: str) -> CallVendor | None:
    """Return the vendor of a call, None for an unknown call; raises StoreUnavailableError."""
    bound = _SQL.bind("of_call", call_id=call_id, **viewer.parameters)
    async with readers.reading(viewer) as connection:
        row = await connection.fetchrow(*bound)
    return None if row is None else CallVendor(*row)
