"""Stores holds, the expected spend of allowed calls, and reservations of further costs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date, datetime
from types import MappingProxyType
from typing import Any, Final, NamedTuple

import msgspec

from ledger.budgets.scoped import SpendScope
from ledger.calls.tags import decode_tags
from ledger.postgres.database import Connection
from ledger.postgres.statements import statements
from ledger.postgres.viewers import Viewer
from schemas.jsonio import encode

_SQL: Final = statements("budgets/budgets")
_NO_TAGS: Final[Mapping[str, str]] = MappingProxyType({})


class CallState(NamedTuple):
    """The state of a call to authorize; `cost_nano` is its cost so far."""

    has_ended: bool
    is_charged: bool
    first_at: datetime | None
    cost_nano: int
    persona_id: str | None
    tags: Mapping[str, str]


def persona_and_tags(
    call: CallState | None, persona_id: str | None, tags: Mapping[str, str]
) -> tuple[str | None, Mapping[str, str]]:
    """Return the persona and the tags of a call: as reported, else as expected."""
    if call is None:
        return persona_id, tags
    return call.persona_id or persona_id, {**tags, **call.tags}


class OtherCall(NamedTuple):
    """What another call may still spend, in nano-dollars."""

    nano: int
    persona_id: str | None
    tags: dict[str, str]


class CommittedSpend(NamedTuple):
    """What a user's calls may still spend, in nano-dollars: a call's own and that of all others.

    `counted` are the identities of excluded costs that are counted already. `persona_id` and `tags`
    are those that the call was authorized with. `others` are the other calls, if requested.
    """

    others_nano: int
    held_nano: int
    reserved_nano: int
    counted: Sequence[str]
    persona_id: str | None = None
    tags: Mapping[str, str] = _NO_TAGS
    others: Sequence[OtherCall] = ()

    def others_in(self, scope: SpendScope) -> int:
        """Return what the other calls of a scope may still spend."""
        if not scope.selects_calls:
            return self.others_nano
        return sum(o.nano for o in self.others if scope.matches(o.persona_id, o.tags))


_read_others: Final = msgspec.json.Decoder(list[OtherCall]).decode


class PastCalls(NamedTuple):
    """The total cost and the total duration of a user's calls."""

    cost_nano: int
    duration_ms: int


class Holds:
    """Reads and changes the holds of a viewer's calls in an open transaction."""

    def __init__(self, connection: Connection, viewer: Viewer) -> None:
        self._connection = connection
        self._of_viewer = {"user_id": viewer.user_id, **viewer.parameters}

    def _bind(self, statement: str, **values: object) -> tuple[Any, ...]:
        return _SQL.bind(statement, **self._of_viewer, **values)

    async def call_state(self, call_id: str) -> CallState | None:
        """Return the state of a call; None if it is unknown."""
        row = await self._connection.fetchrow(*self._bind("call_state", call_id=call_id))
        if row is None:
            return None
        tags = decode_tags(row["tags"]) or {}
        state = (row["status"] != "active", row["charged"], row["first_at"])
        return CallState(*state, int(row["cost_nano"]), row["persona_id"], tags)

    async def past_calls(self, since_day: date) -> PastCalls:
        """Return the sums of the calls since a day."""
        [row] = await self._connection.fetch(*self._bind("past_calls", since_day=since_day))
        return PastCalls(int(row["cost_nano"]), row["duration_ms"])

    async def committed(
        self,
        call_id: str,
        now: datetime,
        *,
        by_cost: bool,
        by_call: bool,
        without: Sequence[str] = (),
    ) -> CommittedSpend:
        """Return what a call and all others may still spend, leaving out the costs `without`.

        With `by_call`, the other calls are returned one by one, too.
        """
        statement = self._bind(
            "committed",
            now=now,
            call_id=call_id,
            by_cost=by_cost,
            by_call=by_call,
            identities=without,
        )
        [row] = await self._connection.fetch(*statement)
        others_nano, held_nano, reserved_nano = map(int, row[:3])
        return CommittedSpend(
            others_nano,
            held_nano,
            reserved_nano,
            counted=[identity.replace("-", "") for identity in row["counted"]],
            persona_id=row["held_persona"],
            tags=decode_tags(row["held_tags"]) or {},
            others=_read_others(row["others"] or "[]"),
        )

    async def hold(
        self,
        call_id: str,
        spend_nano: int,
        until: datetime,
        persona_id: str | None,
        tags: Mapping[str, str],
    ) -> None:
        """Hold the expected spend of a call; replaces an earlier hold."""
        statement = self._bind(
            "hold",
            call_id=call_id,
            spend_nano=spend_nano,
            until=until,
            persona_id=persona_id,
            tags=encode(tags).decode() if tags else None,
        )
        await self._connection.execute(*statement)

    async def raise_hold(self, call_id: str, spend_nano: int, until: datetime) -> None:
        """Hold at least the expected spend of a call."""
        statement = self._bind("raise_hold", call_id=call_id, spend_nano=spend_nano, until=until)
        await self._connection.execute(*statement)

    async def reserve(
        self, call_id: str, amounts: Mapping[str, int], until: datetime, now: datetime
    ) -> None:
        """Reserve amounts, in nano-dollars, for costs by identity; replaces earlier ones.

        An amount of 0 ends a reservation. Deletes the user's reservations that have ended.
        """
        kept = {identity: nano for identity, nano in amounts.items() if nano}
        statement = self._bind(
            "reserve",
            call_id=call_id,
            identities=list(kept),
            amounts=list(kept.values()),
            cancelled=[identity for identity in amounts if identity not in kept],
            until=until,
            now=now,
        )
        await self._connection.execute(*statement)

    async def drop(self, call_id: str) -> None:
        """Delete the hold of a call."""
        await self._connection.execute(*self._bind("drop_hold", call_id=call_id))

    async def drop_expired(self, now: datetime) -> None:
        """Delete the expired holds."""
        await self._connection.execute(*self._bind("drop_expired_holds", now=now))
