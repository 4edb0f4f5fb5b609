"""Calls with commands, and workers that execute them, for tests."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from typing import Any

import asyncpg

from cost_analytics.roots.commands import router_of
from cost_analytics.settings import settings_from
from ledger.budgets.alert_messages import cutoff_id
from ledger.budgets.alert_rows import request_cutoff
from ledger.budgets.step_messages import step_id
from ledger.budgets.step_rows import insert_step
from ledger.commands.execution import ClaimedCommand, command_store
from ledger.postgres.database import connected
from schemas.alerts import CutoffRequest
from schemas.call_steps import CallStep, DowngradeRequest, ModelSuggestion, WarnRequest
from schemas.exact import Exact
from schemas.money import Usd
from streams.commands.journal import CommandJournal
from streams.commands.routing import CommandRouter
from streams.commands.worker import CommandOptions, CommandWorker
from tests.support.events import Plain, cost, event, started
from tests.support.recording import BatchWriter, TopicLog, fetch
from tests.support.vendor_requests import SENTENCE
from tests.support.vendor_servers import VendorServer, settings_of

OPTIONS = CommandOptions(lease_seconds=2, poll_ms=30)
STEP_SECONDS = 30
"""The longest time of a step of a test."""


def call_events(
    call: str, provider: str | None = None, user: str = "alice", control_url: str | None = None
) -> list[Plain]:
    """Return the start of a call that a vendor carries, and a cost."""
    now = datetime.now(UTC)
    vendor = {
        "provider": provider,
        "providerCallId": f"{provider}:{call}",
        "controlUrl": control_url,
    }
    begin = [started(call, user, time=now), cost(call, user, time=now)]
    if provider is None:
        return begin
    return [*begin, event("call.updated", {"callId": call, **vendor}, time=now)]


async def write_calls(url: str, *events: Plain) -> None:
    """Record events as the worker does."""
    async with BatchWriter(url) as writer:
        await writer.record(TopicLog().batch(events))


def cutoff_request(call: str, user: str = "alice", version: int = 1) -> CutoffRequest:
    """Return the request to end a call that reached its limit."""
    return CutoffRequest(
        command_id=str(cutoff_id(call, version)),
        call_id=call,
        user_id=user,
        reason="This call cost $1.02, over its $1.00 limit.",
        limit_usd=Usd(10**9),
        current_cost=Usd(1_020_000_000),
        limit_version=version,
        alert_id=None,
        requested_at=datetime.now(UTC),
        crossed_by=None,
        event_time=None,
    )


async def request(url: str, *calls: str, user: str = "alice", version: int = 1) -> None:
    """Request the end of calls as the transaction that counts their costs does."""
    async with connected(url, name="test") as connection, connection.transaction():
        for call in calls:
            await request_cutoff(connection, cutoff_request(call, user, version))


def step_request(
    kind: CallStep, call: str, user: str = "alice", version: int = 1
) -> WarnRequest | DowngradeRequest:
    """Return the request of a step before a call's end."""
    common: dict[str, Any] = {
        "command_id": str(step_id(kind, call, version)),
        "call_id": call,
        "user_id": user,
        "reason": "This call cost $0.96, past 80% of its $1.00 limit.",
        "threshold_percent": Exact(80),
        "limit_usd": Usd(10**9),
        "current_cost": Usd(960_000_000),
        "limit_version": version,
        "budget_id": None,
        "requested_at": datetime.now(UTC),
        "crossed_by": None,
        "event_time": None,
    }
    if kind == "warn":
        return WarnRequest(**common, closing_sentence=SENTENCE)
    suggestion = ModelSuggestion(
        service="cerebras",
        operation="inference",
        from_="llama3.1-70b",
        to="llama3.1-8b",
        current_cost=Usd(6 * 10**8),
        estimated_saving=Usd(5 * 10**8),
    )
    return DowngradeRequest(**common, suggestion=suggestion)


async def request_steps(url: str, kind: CallStep, *calls: str, version: int = 1) -> None:
    """Request a step of calls as the transaction that counts their costs does."""
    async with connected(url, name="test") as connection, connection.transaction():
        for call in calls:
            await insert_step(connection, kind, step_request(kind, call, version=version))


def router(servers: dict[str, VendorServer], **values: str) -> CommandRouter:
    """Return the receivers of a process with these servers."""
    settings = settings_from({**settings_of(servers), **values}, "commands", "delivery")
    return router_of(settings)


@asynccontextmanager
async def command_worker(
    url: str,
    receivers: CommandRouter,
    options: CommandOptions = OPTIONS,
    journal: CommandJournal | None = None,
) -> AsyncIterator[CommandWorker]:
    """Run a worker for the length of a block."""
    stop = asyncio.Event()
    async with command_store(url) as store:
        worker = CommandWorker(store, receivers, options, journal)
        task = asyncio.create_task(worker.run(stop))
        try:
            yield worker
        finally:
            stop.set()
            await task
            await receivers.close()


async def command_rows(url: str) -> list[asyncpg.Record]:
    """Return all commands, in their order."""
    return await fetch(url, "SELECT * FROM call_commands ORDER BY seq")


async def until_closed(url: str, count: int) -> list[str]:
    """Wait until `count` commands have ended; returns the states of all."""
    async with asyncio.timeout(STEP_SECONDS):
        while True:
            states = [row["state"] for row in await command_rows(url)]
            if len(states) >= count and not {"pending", "executing"} & set(states):
                return states
            await asyncio.sleep(0.02)


async def attempt_rows(url: str) -> list[tuple[Any, ...]]:
    """Return target, outcome, status and error of all attempts, in their order."""
    rows = await fetch(
        url,
        """SELECT a.target, a.outcome, a.status, a.error FROM call_command_attempts AS a
           JOIN call_commands USING (command_id) ORDER BY seq, number""",
    )
    return [tuple(row) for row in rows]


def claimed(**changes: Any) -> ClaimedCommand:
    """Return a claimed command of a call at Twilio."""
    claim = ClaimedCommand(
        "00000000-0000-4000-8000-000000000001", 1, "call-1", "alice", "cutoff", "limit", None, "Why", "{}",
        datetime.now(UTC), "twilio", "CA1", None, "execute",
    )  # fmt: skip
    return claim._replace(**changes)
