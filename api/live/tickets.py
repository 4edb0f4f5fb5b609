"""Single-use tickets, valid for 30 seconds: a browser cannot set headers on a WebSocket."""

from __future__ import annotations

from hashlib import sha256
from secrets import token_urlsafe
from typing import Final, cast

from api.http.access import Caller
from api.http.problems import rate_limited, unauthorized
from api.http.roles import Role
from ledger.live.tickets import TicketHolder, TicketStore
from schemas.live import LiveTicket

TICKET_SECONDS: Final = 30
TICKETS_MAX: Final = 50
"""The maximum of a user's unused tickets."""
TICKET_CHARACTERS_MAX: Final = 128
_BYTES: Final = 32


class TicketRegistry:
    """Issues and redeems tickets. Both raise StoreUnavailableError."""

    def __init__(self, store: TicketStore) -> None:
        self._store = store

    async def issue(self, caller: Caller) -> LiveTicket:
        """Return a new ticket for a caller; raises the 429 Problem for too many unused ones."""
        ticket = token_urlsafe(_BYTES)
        holder = TicketHolder(caller.user_id, caller.role, caller.expires_at)
        if not await self._store.issue(
            _digest(ticket), holder, seconds=TICKET_SECONDS, limit=TICKETS_MAX
        ):
            raise rate_limited(
                TICKET_SECONDS,
                "tickets",
                f"You have {TICKETS_MAX} unused tickets. Use one, or wait.",
            )
        return LiveTicket(ticket=ticket, expires_in_seconds=TICKET_SECONDS)

    async def redeem(self, ticket: str) -> Caller:
        """Return the caller of a ticket, once; raises the 401 Problem."""
        if len(ticket) <= TICKET_CHARACTERS_MAX:
            holder = await self._store.redeem(_digest(ticket))
            if holder is not None:
                return Caller(holder.user_id, cast(Role, holder.role), holder.token_expires_at)
        raise unauthorized("The ticket is unknown, used or expired. Request another one.")


def _digest(ticket: str) -> bytes:
    """Return the stored digest of a ticket: useless to a reader of the database."""
    return sha256(ticket.encode()).digest()
