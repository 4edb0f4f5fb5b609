"""The usual duration and cost of calls by persona, and the services with a one-time cost.

Read again every minute for the personas of active calls, so that replicas agree, and immediately
for a new persona.
"""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from contextlib import suppress
from datetime import datetime
from typing import Final

from ledger.calls.charging import ExpectedCall, expected_fee_nano
from ledger.live.calls import LiveStore
from ledger.live.usual_calls import PersonaCalls, UsualCall
from ledger.prices.catalogue import Catalogue
from schemas.costs import INFRASTRUCTURE_SERVICES, TRANSACTION_SERVICES

PERSONAS_MAX: Final = 10_000
REFRESH_SECONDS: Final = 60


class UsualCalls:
    """The usual calls by persona, and the costs that do not grow with a call."""

    def __init__(self, store: LiveStore) -> None:
        self._store = store
        self._personas: OrderedDict[str, PersonaCalls | None] = OrderedDict()
        self._used: set[str] = set()
        self._new_personas: set[str] = set()
        self._wake = asyncio.Event()
        self.once_services: frozenset[str] = frozenset(
            (*INFRASTRUCTURE_SERVICES, *TRANSACTION_SERVICES)
        )
        """The services with one cost per call, whatever its duration."""
        self._charge_prices = Catalogue(())

    def usual(self, persona_id: str | None, user_id: str) -> UsualCall | None:
        """Return the usual call of a user with a persona; None if unknown.

        A persona that is requested for the first time is unknown until it is read.
        """
        if persona_id is None:
            return None
        self._used.add(persona_id)
        if persona_id not in self._personas:
            self._personas[persona_id] = None
            if len(self._personas) > PERSONAS_MAX:
                self._personas.popitem(last=False)
            self._new_personas.add(persona_id)
            self._wake.set()
        calls = self._personas[persona_id]
        return None if calls is None else calls.usual(user_id)

    def fee_nano(self, call: ExpectedCall, now: datetime) -> int:
        """Return the processor's fee of a call's charge at its end, in nano-dollars."""
        return expected_fee_nano(self._charge_prices, call, now)

    async def refresh(self) -> None:
        """Read what was used since the last refresh; raises StoreUnavailableError."""
        self._new_personas.clear()
        self.once_services = await self._store.once_services() or self.once_services
        self._charge_prices = await self._store.charge_prices()
        used, self._used = self._used, set()
        await self._read([persona_id for persona_id in self._personas if persona_id in used])

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
        known = await self._store.usual_calls(personas, self.once_services)
        for persona_id in personas:
            if persona_id in self._personas:
                self._personas[persona_id] = known.get(persona_id)
