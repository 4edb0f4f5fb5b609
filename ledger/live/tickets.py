"""Stores the tickets that open sockets: each is valid once, on any replica."""

from __future__ import annotations

from typing import Final, NamedTuple

from ledger.postgres.statements import statements
from ledger.postgres.viewers import ReaderPool, Viewer

_SQL: Final = statements("live/tickets")
_NO_VIEWER: Final = Viewer("")


class TicketHolder(NamedTuple):
    """The user of a ticket, and when the token that requested it expires."""

    user_id: str
    role: str
    token_expires_at: int


class TicketStore:
    """Unused tickets. Raises StoreUnavailableError."""

    def __init__(self, readers: ReaderPool) -> None:
        self._readers = readers

    async def issue(self, digest: bytes, holder: TicketHolder, *, seconds: int, limit: int) -> bool:
        """Store a ticket for `seconds`; False if its user has `limit` already."""
        viewer = Viewer(holder.user_id, reads_all=holder.role == "admin")
        issue = _SQL.bind("issue", digest=digest, **holder._asdict(), seconds=seconds, limit=limit)
        return bool(await self._readers.read_value(viewer, *issue))

    async def redeem(self, digest: bytes) -> TicketHolder | None:
        """Redeem a ticket: returns its holder, None if it is used, expired or unknown."""
        rows = await self._readers.read(_NO_VIEWER, *_SQL.bind("redeem", digest=digest))
        return TicketHolder(**rows[0]) if rows else None
