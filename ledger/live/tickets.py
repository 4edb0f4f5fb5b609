"""Stores the tickets that open sockets: each is valid once, on any replica."""

from __future__ import annotations

from typing import Final, NamedTuple

from ledger.postgres.statements import statements
from ledger.postgres.viewers import ReaderPool, Viewer

_SQL: Final = statements("live/tickets")
_NOBODY: Final = Viewer("")


class TicketHolder(NamedTuple):
    """For whom a ticket was given out, and when the token that asked for it ends."""

    user_id: str
    role: str
    token_expires_at: int


class TicketStore:
    """The tickets that were given out and not used. Raises StoreUnavailableError."""

    def __init__(self, readers: ReaderPool) -> None:
        self._readers = readers

    async def issue(self, digest: bytes, holder: TicketHolder, *, seconds: int, most: int) -> bool:
        """Keep a ticket for `seconds`; False where its user has `most` already."""
        viewer = Viewer(holder.user_id, reads_all=holder.role == "admin")
        arguments = (digest, *holder, seconds, most)
        return bool(await self._readers.read_value(viewer, _SQL["issue"], *arguments))

    async def redeem(self, digest: bytes) -> TicketHolder | None:
        """Take a ticket: its holder, or None for one that is used, too old or not known."""
        rows = await self._readers.read(_NOBODY, _SQL["redeem"], digest)
        return TicketHolder(**rows[0]) if rows else None
