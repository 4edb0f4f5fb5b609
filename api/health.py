"""Whether the process lives, and whether it can serve; for supervisors, so without a token."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Sequence
from typing import Final, NamedTuple

from aiohttp import web
from msgspec import Struct

from api.access import Access, Route
from api.openapi.operations import Operation, Topic
from api.problems import Problem
from api.replies import reply
from ledger.store.reading import ReaderPool, StoreUnavailableError

CHECK_SECONDS_MOST: Final = 3

_log: Final = logging.getLogger(__name__)


class Check(NamedTuple):
    """Something that must hold before the process can serve; `holds` may raise, which is a no."""

    name: str
    holds: Callable[[], Awaitable[bool]]


class Status(Struct, omit_defaults=True):
    """`ok`, or `ready` with what was checked."""

    status: str
    checks: list[str] = []


class Health:
    """`/health` and `/ready`."""

    def __init__(self, readers: ReaderPool, checks: Sequence[Check]) -> None:
        self._readers = readers
        self._checks = (Check("schema", self._schema_is_current), *checks)

    def routes(self) -> tuple[Route, ...]:
        """Return the routes."""
        health = Operation(
            name="getHealth",
            topic=Topic.SERVICE,
            summary="Whether the process lives",
            answers=Status,
        )
        ready = Operation(
            name="getReadiness",
            topic=Topic.SERVICE,
            summary="Whether the process can serve",
            answers=Status,
            fails=(503,),
        )
        return (
            Route("GET", "/health", Access.ANYONE, self.health, health),
            Route("GET", "/ready", Access.ANYONE, self.ready, ready),
        )

    async def health(self, request: web.Request) -> web.Response:  # noqa: ARG002
        """Answer 200: whoever reads this knows that the process lives."""
        return reply(Status("ok"))

    async def ready(self, request: web.Request) -> web.Response:  # noqa: ARG002
        """Answer 200 once everything holds, else 503 with the names of what does not."""
        answers = await asyncio.gather(*(_holds(check) for check in self._checks))
        names = [check.name for check in self._checks]
        missing = [name for name, holds in zip(names, answers, strict=True) if not holds]
        if missing:
            raise Problem(
                503, "not_ready", f"Not ready: {', '.join(missing)}.", {"Retry-After": "1"}
            )
        return reply(Status("ready", names))

    async def _schema_is_current(self) -> bool:
        try:
            return await self._readers.schema_is_current()
        except StoreUnavailableError:
            return False


async def _holds(check: Check) -> bool:
    try:
        async with asyncio.timeout(CHECK_SECONDS_MOST):
            return await check.holds()
    except Exception:
        # A check that fails in whatever way is a check that does not hold; the trace says why.
        _log.exception("check %s", check.name, extra={"action": "check_failed"})
        return False
