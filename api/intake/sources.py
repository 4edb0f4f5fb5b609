"""Holds services to their own sources: no service writes under another's source or keys.

`/api/costs/track` and `finalize` have sources that name the sender, so `Idempotency-Key`s of two
services never meet. Any other source belongs to the service that first sent under it.
"""

from __future__ import annotations

import time
from collections import OrderedDict
from collections.abc import Callable, Collection, Mapping
from typing import Final, Protocol
from urllib.parse import quote

from api.http.access import Caller
from api.http.problems import Problem
from ledger.postgres.viewers import StoreUnavailableError

REMEMBERED_MAX: Final = 10_000
REMEMBERED_SECONDS: Final = 60
"""After so long the other replicas follow an operator who gives a source to another service."""
_RESERVED: Final = ("/api/costs/", "digest/")
_SECOND_NS: Final = 1_000_000_000


class SourceOwners(Protocol):
    """Where the owners of sources are kept."""

    async def owners(self, subject: str, sources: Collection[str]) -> Mapping[str, str]:
        """Return who owns each source, new ones given to the subject; left out: one too many.

        Raises StoreUnavailableError.
        """


def source_of(way: str, subject: str) -> str:
    """Return the source of what a subject sends to `track` or `finalize`, of any length."""
    return f"/api/costs/{way}/{quote(subject, safe='')}"


class SourceGuard:
    """Lets a service send under its own sources only. Admins may use each and come to own none."""

    def __init__(
        self, owners: SourceOwners, *, clock_ns: Callable[[], int] = time.monotonic_ns
    ) -> None:
        self._owners = owners
        self._clock_ns = clock_ns
        self._known: OrderedDict[str, tuple[str, int]] = OrderedDict()

    async def check(self, caller: Caller, sources: Collection[str]) -> None:
        """Raise the 403 Problem for the first source that is not the caller's, or the 503 one."""
        if caller.role == "admin":
            return
        asked = {*sources}
        reserved = next((source for source in sources if source.startswith(_RESERVED)), None)
        if reserved is not None:
            raise _reserved(reserved)
        unsure = [source for source in asked if not self._is_fresh(source, caller.user_id)]
        if not unsure:
            return
        owners = await self._read(caller.user_id, unsure)
        for source in unsure:
            if source not in owners:
                raise _too_many()
            if owners[source] != caller.user_id:
                raise _foreign(source)

    async def _read(self, subject: str, sources: list[str]) -> Mapping[str, str]:
        """Return the owners as stored; while PostgreSQL is away, as they were when last read."""
        try:
            owners = await self._owners.owners(subject, sources)
        except StoreUnavailableError:
            known = {source: self._known[source][0] for source in sources if source in self._known}
            if {*known.values()} == {subject} and len(known) == len(sources):
                return known
            raise
        now_ns = self._clock_ns()
        for source, owner in owners.items():
            self._known[source] = (owner, now_ns)
            self._known.move_to_end(source)
        while len(self._known) > REMEMBERED_MAX:
            self._known.popitem(last=False)
        return owners

    def _is_fresh(self, source: str, subject: str) -> bool:
        """Return whether a subject was found to own a source within the last minute."""
        owner, read_ns = self._known.get(source, ("", 0))
        return owner == subject and self._clock_ns() - read_ns < REMEMBERED_SECONDS * _SECOND_NS


def _foreign(source: str) -> Problem:
    return Problem(
        403,
        "foreign_source",
        f"The source `{source}` belongs to another service. Send under a source of your own, or "
        "have an operator give you this one: cost-analytics sources give SOURCE --subject NAME.",
    )


def _reserved(source: str) -> Problem:
    return Problem(
        403,
        "foreign_source",
        f"The source `{source}` is kept for costs that come by /api/costs/track or finalize. Send "
        "under a source of your own.",
    )


def _too_many() -> Problem:
    return Problem(
        403,
        "foreign_source",
        "You own as many sources as one service may. Send under one of them, or have an operator "
        "give you another one: cost-analytics sources give SOURCE --subject NAME.",
    )
