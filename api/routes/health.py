"""Health checks: whether the process is alive, and whether it can serve; no token is needed.

`/ready` answers from memory: checks run in the background, so requests cost neither a connection
nor a query. Results are at most STALE_SECONDS old.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import suppress
from typing import Final, NamedTuple

from aiohttp import web
from msgspec import Struct

from api.http.access import Access, Route
from api.http.problems import Problem
from api.http.replies import reply
from api.openapi.operations import Operation, Tag
from ledger.postgres.viewers import ReaderPool, StoreUnavailableError

CHECK_SECONDS_MAX: Final = 3
REFRESH_SECONDS: Final = 2
REFRESH_SECONDS_UNREADY: Final = 0.5
STALE_SECONDS: Final = 10
"""Older results are discarded: the checks themselves are stuck."""
_NS_PER_SECOND: Final = 1_000_000_000

_log: Final = logging.getLogger(__name__)


class ReadinessCheck(NamedTuple):
    """A condition for serving; a check that raises has failed."""

    name: str
    passes: Callable[[], Awaitable[bool]]


class Status(Struct, omit_defaults=True):
    """`ok`, or `ready` with the names of the checks."""

    status: str
    checks: list[str] = []


class HealthRoutes:
    """`/health` and `/ready`."""

    def __init__(self, readers: ReaderPool, checks: Sequence[ReadinessCheck]) -> None:
        self._readers = readers
        self._checks = (ReadinessCheck("schema", self._schema_is_current), *checks)
        self._missing: list[str] = []
        self._checked_at_ns = 0
        self._has_checked = asyncio.Event()

    def routes(self) -> tuple[Route, ...]:
        health = Operation(
            name="getHealth",
            tag=Tag.SERVICE,
            summary="Check whether the process is alive",
            response=Status,
        )
        ready = Operation(
            name="getReadiness",
            tag=Tag.SERVICE,
            summary="Check whether the process can serve",
            response=Status,
            error_statuses=(503,),
        )
        return (
            Route("GET", "/health", Access.ANYONE, self.health, health),
            Route("GET", "/ready", Access.ANYONE, self.ready, ready),
        )

    async def health(self, request: web.Request) -> web.Response:  # noqa: ARG002
        """Answer 200: the process is alive."""
        return reply(Status("ok"))

    async def ready(self, request: web.Request) -> web.Response:  # noqa: ARG002
        """Return 200 once all checks pass, else 503 with the names of those that fail."""
        with suppress(TimeoutError):
            async with asyncio.timeout(CHECK_SECONDS_MAX + 1):
                await self._has_checked.wait()
        age_ns = time.monotonic_ns() - self._checked_at_ns
        is_stale = not self._has_checked.is_set() or age_ns > STALE_SECONDS * _NS_PER_SECOND
        missing = ["checks"] if is_stale else self._missing
        if missing:
            raise Problem(
                503, "not_ready", f"Not ready: {', '.join(missing)}.", {"Retry-After": "1"}
            )
        return reply(Status("ready", [check.name for check in self._checks]))

    def attach(self, app: web.Application) -> None:
        """Run the checks as long as the application runs."""
        app.cleanup_ctx.append(self._running)

    async def _running(self, _: web.Application) -> AsyncIterator[None]:
        task = asyncio.create_task(self._refresh())
        try:
            yield
        finally:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)

    async def _refresh(self) -> None:
        while True:
            results = await asyncio.gather(*map(self._passes, self._checks))
            results_by_check = zip(self._checks, results, strict=True)
            missing = [check.name for check, passes in results_by_check if not passes]
            if missing != self._missing or not self._has_checked.is_set():
                _log_readiness(missing)
            self._missing = missing
            self._checked_at_ns = time.monotonic_ns()
            self._has_checked.set()
            await asyncio.sleep(REFRESH_SECONDS_UNREADY if self._missing else REFRESH_SECONDS)

    async def _schema_is_current(self) -> bool:
        try:
            if not await self._readers.schema_is_current():
                return False
            problems = await self._readers.access_problems()
        except StoreUnavailableError:
            return False
        for problem in problems[:1]:
            _log.error(
                "%s Run `cost-analytics migrate`.",
                problem,
                extra={"action": "schema_unreadable", "problems": len(problems)},
            )
        return not problems

    async def _passes(self, check: ReadinessCheck) -> bool:
        try:
            async with asyncio.timeout(CHECK_SECONDS_MAX):
                return await check.passes()
        except Exception:
            # A check that raises has failed; the traceback is logged once.
            if check.name not in self._missing:
                _log.exception("check %s", check.name, extra={"action": "check_failed"})
            return False


def _log_readiness(missing: Sequence[str]) -> None:
    """Log that the replica became ready, or what it lacks."""
    if missing:
        names = ", ".join(missing)
        _log.warning("not ready: %s", names, extra={"action": "not_ready", "missing": names})
    else:
        _log.info("ready", extra={"action": "ready"})
