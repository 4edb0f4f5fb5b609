"""Facts about calls in general: usual durations by persona, and services that are paid once.

Refreshed every minute, so that replicas agree, and immediately for a new persona.
"""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from contextlib import suppress
from typing import Final

from ledger.live.calls import LiveStore
from ledger.live.durations import PersonaDurations
from schemas.costs import INFRASTRUCTURE_SERVICES, TRANSACTION_SERVICES

PERSONAS_MAX: Final = 10_000
REFRESH_SECONDS: Final = 60


class UsualDurations:
    """Usual durations by persona, and the services whose costs do not grow with a call."""

    def __init__(self, store: LiveStore) -> None:
        self._store = store
        self._durations: OrderedDict[str, PersonaDurations | None] = OrderedDict()
        self._new_personas: set[str] = set()
        self._wake = asyncio.Event()
        self.once_services: frozenset[str] = frozenset(
            (*INFRASTRUCTURE_SERVICES, *TRANSACTION_SERVICES)
        )

    def usual_ms(self, persona_id: str | None, user_id: str) -> int | None:
        """Return the usual duration of a user's calls with a persona; None if unknown.

        A persona that is requested for the first time is unknown until it is read.
        """
        if persona_id is None:
            return None
        if persona_id not in self._durations:
            self._durations[persona_id] = None
            if len(self._durations) > PERSONAS_MAX:
                self._durations.popitem(last=False)
            self._new_personas.add(persona_id)
            self._wake.set()
        durations = self._durations[persona_id]
        return None if durations is None else durations.usual_ms(user_id)

    async def refresh(self) -> None:
        """Read everything again; raises StoreUnavailableError."""
        self._new_personas.clear()
        self.once_services = await self._store.once_services() or self.once_services
        await self._read(list(self._durations))

    async def read_new(self, seconds: int) -> None:
        """Read new personas as they are requested, for `seconds`; raises StoreUnavailableError."""
        with suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                while True:
                    await self._wake.wait()
                    self._wake.clear()
                    requested, self._new_personas = list(self._new_personas), set()
                    await self._read(requested)

    async def _read(self, personas: list[str]) -> None:
        known = await self._store.durations(personas)
        for persona_id in personas:
            if persona_id in self._durations:
                self._durations[persona_id] = known.get(persona_id)
