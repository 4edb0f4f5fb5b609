"""Executes due commands: claims them in PostgreSQL, sends them, and stores each result.

PostgreSQL holds the state; messages from Kafka only wake this worker. A command is claimed for a
limited time: after a crash its attempt is repeated. Storing a success is retried many times,
because an unrecorded success is executed again.
"""

from __future__ import annotations

import asyncio
import logging
import time
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from typing import Final

from ledger.commands.execution import ClaimedCommand, CommandStore
from ledger.commands.results import CommandResult, retry_delay_ms
from messaging.retries import Backoff, finish, wait_for_either
from schemas.commands import ExecutedCommand
from streams.commands.journal import CommandJournal
from streams.commands.receiver import ATTEMPT_MS, CommandReceiver
from streams.commands.routing import CommandRouter
from streams.metrics.attempts import CommandMeter
from streams.retries import RETRYABLE_ERRORS, store_result
from streams.tracing.attempts import AttemptTracing

FINISH_SECONDS: Final = 12
CHECK_SECONDS: Final = 10
_NOT_SENT: Final = "Dry run: nothing was sent."
_NO_FAILURES: Final = frozenset({"executed", "dry_run", "ended"})

_log: Final = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class CommandOptions:
    """How many attempts run concurrently, and how often due commands are claimed.

    A claim lasts `lease_seconds`. A command expires `deadline_seconds` after its request.
    """

    concurrent_max: int = 40
    lease_seconds: int = 30
    poll_ms: int = 500
    deadline_seconds: int = 600


class CommandWorker:
    """Executes commands through the receivers that a router chooses."""

    def __init__(
        self,
        store: CommandStore,
        router: CommandRouter,
        options: CommandOptions | None = None,
        journal: CommandJournal | None = None,
        meter: CommandMeter | None = None,
        tracing: AttemptTracing | None = None,
    ) -> None:
        """Without a `journal` commands are not journaled, without `tracing` not traced."""
        self._store = store
        self._router = router
        self._options = options or CommandOptions()
        self._journal = journal
        self._meter = meter or CommandMeter()
        self._tracing = tracing
        self._wake = asyncio.Event()
        self._running: set[asyncio.Task[None]] = set()
        self._check_at_ns = 0

    def wake(self) -> None:
        """Claim due commands now."""
        self._wake.set()

    async def run(self, stop: asyncio.Event) -> None:
        """Execute until `stop`; running attempts get some time to finish."""
        backoff = Backoff()
        try:
            while not stop.is_set():
                try:
                    if self._journal is not None:
                        await self._journal.read_after_restore(self._running, stop)
                    await self._claim_due()
                    await self._check()
                    backoff.reset()
                except RETRYABLE_ERRORS as error:
                    _log.warning("commands failed: %s", error, extra={"action": "commands_retry"})
                    await backoff.wait(stop)
                await wait_for_either(stop, self._wake, self._options.poll_ms / 1000)
        finally:
            await finish(self._running, FINISH_SECONDS)

    async def _claim_due(self) -> None:
        self._wake.clear()
        options = self._options
        free = options.concurrent_max - len(self._running)
        if free <= 0:
            return
        claims = await self._store.claim(free, options.lease_seconds, options.deadline_seconds)
        for claim in claims:
            task = asyncio.create_task(self._execute(claim))
            self._running.add(task)
            task.add_done_callback(self._on_done)

    async def _check(self) -> None:
        """Journal missing records, and log overdue commands, every few seconds."""
        now_ns = time.monotonic_ns()
        if now_ns < self._check_at_ns:
            return
        self._check_at_ns = now_ns + CHECK_SECONDS * 1_000_000_000
        if self._journal is not None:
            await self._journal.write_missing()
        backlog = await self._store.backlog()
        if backlog.waiting:
            _log.info(
                "%d commands are due, the first for %d s",
                *backlog,
                extra={"action": "commands_backlog", **backlog._asdict()},
            )

    def _on_done(self, task: asyncio.Task[None]) -> None:
        self._running.discard(task)
        self._wake.set()
        if not task.cancelled() and (error := task.exception()) is not None:
            _log.error(
                "a command ended without a result",
                exc_info=error,
                extra={"action": "command_lost_track"},
            )

    async def _execute(self, claim: ClaimedCommand) -> None:
        began_ns = time.monotonic_ns()
        result = await self._attempt(claim)
        duration_ms = (time.monotonic_ns() - began_ns) // 1_000_000
        is_journaled = (
            result.outcome == "executed"
            and self._journal is not None
            and await self._journal.write([_executed(claim, result)])
        )
        store = partial(self._store_result, claim, result, duration_ms, is_journaled=is_journaled)
        await store_result(store, "commands_retry")

    async def _attempt(self, claim: ClaimedCommand) -> CommandResult:
        receiver = self._router.receiver_of(claim)
        if isinstance(receiver, CommandResult):
            return receiver
        if claim.mode == "dry_run":
            return CommandResult("dry_run", receiver.name, error=_NOT_SENT)
        return await _send(receiver, claim)

    async def _store_result(
        self, claim: ClaimedCommand, result: CommandResult, duration_ms: int, *, is_journaled: bool
    ) -> None:
        fields = {
            "command": claim.command_id,
            "call": claim.call_id,
            "kind": claim.kind,
            "target": result.target,
            "attempt": claim.number,
            "took_ms": duration_ms,
            "status": result.status,
            "error": result.error,
        }
        if result.outcome == "temporary":
            delay_ms = retry_delay_ms(claim.number, result.retry_after_seconds)
            await self._store.postpone(claim, result, duration_ms, delay_ms)
            await self._measure(claim, result, duration_ms)
            _log.warning(
                "not executed: %s", result.error, extra={"action": "command_postponed", **fields}
            )
            return
        await self._store.finish(claim, result, duration_ms, is_journaled=is_journaled)
        await self._measure(claim, result, duration_ms)
        _log.log(
            logging.INFO if result.outcome in _NO_FAILURES else logging.WARNING,
            "command %s",
            result.outcome,
            extra={"action": f"command_{result.outcome}", **fields},
        )

    async def _measure(
        self, claim: ClaimedCommand, result: CommandResult, duration_ms: int
    ) -> None:
        """Measure and trace an attempt whose result is stored."""
        self._meter.attempted(claim.kind, result.outcome, duration_ms)
        if self._tracing is not None:
            await self._tracing.record(
                f"execute {claim.kind}",
                claim.command_id,
                claim.number,
                duration_ms,
                None if result.outcome in _NO_FAILURES else result.outcome,
                cost_analytics__outcome=result.outcome,
                cost_analytics__target=result.target or "",
            )


async def _send(receiver: CommandReceiver, claim: ClaimedCommand) -> CommandResult:
    try:
        async with asyncio.timeout(ATTEMPT_MS / 1000 + 1):
            return await receiver.execute(claim)
    except TimeoutError:
        return CommandResult("temporary", receiver.name, error="The attempt took too long.")
    except Exception as error:
        # An unexpected error of a receiver must not lose the command: it is repeated.
        _log.exception("%s failed", receiver.name, extra={"action": "receiver_failed"})
        text = f"An internal error: {type(error).__name__}."
        return CommandResult("temporary", receiver.name, error=text)


def _executed(claim: ClaimedCommand, result: CommandResult) -> ExecutedCommand:
    return ExecutedCommand(
        command_id=claim.command_id,
        call_id=claim.call_id,
        user_id=claim.user_id,
        kind=claim.kind,
        cause=claim.cause,
        requested_by=claim.requested_by,
        reason=claim.reason,
        payload=claim.payload,
        target=result.target or "",
        requested_at=claim.requested_at,
        executed_at=datetime.now(UTC),
    )
