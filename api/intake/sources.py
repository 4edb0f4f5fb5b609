"""Restricts services to their own event sources.

`/api/costs/track`, `finalize` and `/v1/traces` use sources that name the sender, so the identities
of two services never collide. Any other source belongs to the service that used it first.
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
from schemas.events import TRACES_SOURCE

CACHED_MAX: Final = 10_000
CACHE_SECONDS: Final = 60
"""The time after which all replicas know a source that an operator gave to another service."""
_RESERVED: Final = ("/api/costs/", "/api/webhooks/", "/api/admin/", "digest/", TRACES_SOURCE)
_SECOND_NS: Final = 1_000_000_000
_GIVE: Final = "cost-analytics sources give SOURCE --subject NAME."


class SourceOwners(Protocol):
    """The store of source owners."""

    async def owners(self, subject: str, sources: Collection[str]) -> Mapping[str, str]:
        """Return the owner of each source; assigns new sources to the subject.

        Sources over the subject's limit are left out. Raises StoreUnavailableError.
        """


def source_of(route_name: str, subject: str) -> str:
    """Return the source of events that a subject sends to `track` or `finalize`."""
    return f"/api/costs/{route_name}/{quote(subject, safe='')}"


class SourceGuard:
    """Checks that services use their own sources. Admins may use any source and own none."""

    def __init__(
        self, owners: SourceOwners, *, clock_ns: Callable[[], int] = time.monotonic_ns
    ) -> None:
        self._owners = owners
        self._clock_ns = clock_ns
        self._known: OrderedDict[str, tuple[str, int]] = OrderedDict()

    async def check(self, caller: Caller, sources: Collection[str]) -> None:
        """Raise the 403 Problem for the first source of another service, or the 503 Problem."""
        if caller.role == "admin":
            return
        requested = {*sources}
        reserved = next((source for source in sources if source.startswith(_RESERVED)), None)
        if reserved is not None:
            raise _refusal(
                f"The source `{reserved}` is reserved for the API's own events. Use a source of "
                "your own."
            )
        unverified = [source for source in requested if not self._is_fresh(source, caller.user_id)]
        if not unverified:
            return
        owners = await self._read(caller.user_id, unverified)
        for source in unverified:
            if source not in owners:
                raise _refusal(
                    "You own the maximum number of sources. Use one of them, or have an operator "
                    f"give you another one: {_GIVE}"
                )
            if owners[source] != caller.user_id:
                raise _refusal(
                    f"The source `{source}` belongs to another service. Use a source of your own, "
                    f"or have an operator give you this one: {_GIVE}"
                )

    async def _read(self, subject: str, sources: list[str]) -> Mapping[str, str]:
        """Return the stored owners; while PostgreSQL is unavailable, the last known ones."""
        try:
            owners = await self._owners.owners(subject, sources)
        except StoreUnavailableError:
            cached = {source: self._known[source][0] for source in sources if source in self._known}
            if {*cached.values()} == {subject} and len(cached) == len(sources):
                return cached
            raise
        now_ns = self._clock_ns()
        for source, owner in owners.items():
            self._known[source] = (owner, now_ns)
            self._known.move_to_end(source)
        while len(self._known) > CACHED_MAX:
            self._known.popitem(last=False)
        return owners

    def _is_fresh(self, source: str, subject: str) -> bool:
        """Return whether the subject was read as the owner within the last minute."""
        owner, read_ns = self._known.get(source, ("", 0))
        return owner == subject and self._clock_ns() - read_ns < CACHE_SECONDS * _SECOND_NS


def _refusal(message: str) -> Problem:
    return Problem(403, "foreign_source", message)
