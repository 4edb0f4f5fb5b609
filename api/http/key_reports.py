"""Stores the last report and the last refusal of each key, for administrators.

Each outcome of a key is stored at most once a second, in the background: no request waits for it,
and an outcome that cannot be stored is lost.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections import OrderedDict
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Final, Protocol

from aiohttp import web

from api.http.access import REPORT_REFUSAL, REPORTED_CALL, Caller, Route
from api.http.problems import Problem
from ledger.postgres.viewers import StoreUnavailableError

CACHED_OUTCOMES_MAX: Final = 1_000
NOTES_UNDER_WAY_MAX: Final = 20
_SECOND_NS: Final = 1_000_000_000
_NO_SCOPE: Final = "The key lacks the permission to send events."
_REVOKED: Final = "The key is revoked."

_log: Final = logging.getLogger(__name__)


class ReportStore(Protocol):
    """Stores the outcomes of reports."""

    async def note(self, key_id: int, call_id: str | None, refusal: str | None) -> None:
        """Store that a key reported events, or why not; raises StoreUnavailableError."""


class KeyReports:
    """Stores the outcomes of reports, by key."""

    def __init__(self, store: ReportStore, clock_ns: Callable[[], int] = time.monotonic_ns) -> None:
        self._report_store = store
        self._clock_ns = clock_ns
        self._noted: OrderedDict[tuple[int, bool], int] = OrderedDict()
        self._under_way: set[asyncio.Task[None]] = set()

    @contextmanager
    def noting(self, request: web.Request, route: Route, caller: Caller) -> Iterator[None]:
        """Note the outcome of the block if a key reports events by this route."""
        if caller.key_id is None or route.needed_scope != "ingest":
            yield
            return
        try:
            yield
        except Problem as problem:
            has_scope = caller.scopes is not None and "ingest" in caller.scopes
            self._note(caller.key_id, None, problem.message if has_scope else _NO_SCOPE)
            raise
        self._note(caller.key_id, request.get(REPORTED_CALL), request.get(REPORT_REFUSAL))

    def note_revoked(self, key_id: int) -> None:
        """Note that a revoked key was used."""
        self._note(key_id, None, _REVOKED)

    async def close(self) -> None:
        """Wait for the notes under way."""
        await asyncio.gather(*self._under_way)

    def _note(self, key_id: int, call_id: str | None, refusal: str | None) -> None:
        outcome, now_ns = (key_id, refusal is None), self._clock_ns()
        noted_ns = self._noted.get(outcome)
        is_recent = noted_ns is not None and now_ns - noted_ns < _SECOND_NS
        if is_recent or len(self._under_way) >= NOTES_UNDER_WAY_MAX:
            return
        self._noted[outcome] = now_ns
        self._noted.move_to_end(outcome)
        if len(self._noted) > CACHED_OUTCOMES_MAX:
            self._noted.popitem(last=False)
        task = asyncio.get_running_loop().create_task(self._store(key_id, call_id, refusal))
        self._under_way.add(task)
        task.add_done_callback(self._under_way.discard)

    async def _store(self, key_id: int, call_id: str | None, refusal: str | None) -> None:
        try:
            await self._report_store.note(key_id, call_id, refusal)
        except StoreUnavailableError as error:
            _log.warning(
                "the outcome of a report is not stored: %s",
                error,
                extra={"action": "report_not_noted"},
            )
