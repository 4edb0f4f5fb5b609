"""Runs the work of a command on the database, and reports its errors as `CommandError`."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Coroutine
from typing import TYPE_CHECKING, Any, TypeVar

from cost_analytics.configuration.secret import Secret
from cost_analytics.failures import using_database

if TYPE_CHECKING:
    from ledger.postgres.database import Connection

T = TypeVar("T")


def run_with_database(
    url: Secret, work: Coroutine[Any, Any, T], *, as_administrator: bool = False
) -> T:
    """Run a coroutine that opens its own connections; returns its result."""
    from cost_analytics.running import run

    with using_database(url, as_administrator=as_administrator):
        return run(work)


def run_connected(url: Secret, command: str, work: Callable[[Connection], Awaitable[T]]) -> T:
    """Return the result of `work` on a connection that PostgreSQL shows with the command's name."""
    from ledger.postgres.database import connected

    async def connect_and_work() -> T:
        async with connected(url.reveal(), name=f"cost-analytics {command}") as db:
            return await work(db)

    return run_with_database(url, connect_and_work())
