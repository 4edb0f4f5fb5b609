"""Restricts services to their own event sources.

`/api/costs/track`, `…/finalize` and `/v1/traces` use sources that name the sender, so the
identities of two services never collide. Any other source belongs to the service that used it
first.
"""

from __future__ import annotations

import time
from collections import OrderedDict
from collections.abc import Callable, Collection, Mapping
from typing import Final, NamedTuple, Protocol
from urllib.parse import quote

from api.http.access import Caller
from api.http.problems import Problem
from ledger.postgres.viewers import StoreUnavailableError
from schemas.events import TRACES_SOURCE

CACHED_MAX: Final = 10_000
CACHE_SECONDS: Final = 60
"""How long a replica uses a cached owner: after an operator gives a source to another service, its
old owner may use it for at most this time."""
_RESERVED: Final = ("/api/costs/", "/api/webhooks/", "/api/admin/", "digest/", TRACES_SOURCE)
_SECOND_NS: Final = 1_000_000_000
_GIVE_COMMAND: Final = "cost-analytics sources give SOURCE --subject NAME."


class SourceOwnerStore(Protocol):
    """Stores which service owns a source."""

    async def claim(self, service: str, sources: Collection[str]) -> Mapping[str, str]:
        """Return the owner of each source; new sources become the service's.

        New sources above the limit of the service are left out. Raises StoreUnavailableError.
        """


def source_of(route_name: str, service: str) -> str:
    """Return the source of events that a service sends to `track` or `finalize`."""
    return f"/api/costs/{route_name}/{quote(service, safe='')}"


class _CachedOwner(NamedTuple):
    service: str
    read_ns: int


class SourceGuard:
    """Checks that services use their own sources. Admins may use any source and own none."""

    def __init__(
        self, store: SourceOwnerStore, *, clock_ns: Callable[[], int] = time.monotonic_ns
    ) -> None:
        self._store = store
        self._clock_ns = clock_ns
        self._cached: OrderedDict[str, _CachedOwner] = OrderedDict()

    async def check(self, caller: Caller, sources: Collection[str]) -> None:
        """Raise the 403 Problem for a source that the caller may not use.

        These are reserved sources, sources of other services, and new sources above the limit of
        the service. Raises StoreUnavailableError.
        """
        if caller.role == "admin":
            return
        service = caller.user_id
        reserved = next((source for source in sources if source.startswith(_RESERVED)), None)
        if reserved is not None:
            raise _refusal(
                f"The source `{reserved}` is reserved for the API's own events. Use a source of "
                "your own."
            )
        unverified = [source for source in {*sources} if not self._is_fresh(source, service)]
        if not unverified:
            return
        owners = await self._claim(service, unverified)
        for source in unverified:
            if source not in owners:
                raise _refusal(
                    "You own the maximum number of sources. Use one of them, or have an operator "
                    f"give you another one: {_GIVE_COMMAND}"
                )
            if owners[source] != service:
                raise _refusal(
                    f"The source `{source}` belongs to another service. Use a source of your own, "
                    f"or have an operator give you this one: {_GIVE_COMMAND}"
                )

    async def _claim(self, service: str, sources: list[str]) -> Mapping[str, str]:
        """Return the owner of each source; new sources become the service's.

        While PostgreSQL is unavailable, the cached owners are used if all sources belonged to the
        service; otherwise raises StoreUnavailableError.
        """
        try:
            owners = await self._store.claim(service, sources)
        except StoreUnavailableError:
            cached = [self._cached.get(source) for source in sources]
            if all(owner is not None and owner.service == service for owner in cached):
                return dict.fromkeys(sources, service)
            raise
        now_ns = self._clock_ns()
        for source, owner in owners.items():
            self._cached[source] = _CachedOwner(owner, now_ns)
            self._cached.move_to_end(source)
        while len(self._cached) > CACHED_MAX:
            self._cached.popitem(last=False)
        return owners

    def _is_fresh(self, source: str, service: str) -> bool:
        """Return whether the service was read as the owner within the last minute."""
        cached = self._cached.get(source)
        if cached is None or cached.service != service:
            return False
        return self._clock_ns() - cached.read_ns < CACHE_SECONDS * _SECOND_NS


def _refusal(message: str) -> Problem:
    return Problem(403, "foreign_source", message)
