"""Databases for the runs: each starts as a copy of a migrated, empty one."""

from __future__ import annotations

import itertools
import secrets
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import datetime

from devkit.embedded.postgres import EmbeddedPostgres
from ledger.postgres.database import Connection, connected
from ledger.postgres.logins import PROCESSES, LoginPlan, ProcessName, create_logins, login_url
from ledger.postgres.partitions import ensure_months, month_of

_TEMPLATE = "bench_template"
_PASSWORDS: dict[ProcessName, str] = {each: secrets.token_urlsafe(24) for each in PROCESSES}


def as_login(url: str, process: ProcessName) -> str:
    """Return the address of the same database for one of our processes."""
    return login_url(url, process, _PASSWORDS[process])


class Databases:
    """Copies of the template on one server."""

    def __init__(self, server: EmbeddedPostgres) -> None:
        self._server = server
        self._numbers = itertools.count(1)

    @property
    def server_pid(self) -> int:
        """The process id of the server's main process."""
        return self._server.process.pid

    async def prepare(self, *moments: datetime) -> str:
        """Create the template, with partitions for these times; returns PostgreSQL's version."""
        url = self._server.url_of(_TEMPLATE)
        await self._administer(f"CREATE DATABASE {_TEMPLATE}")
        await create_logins(url, LoginPlan(_PASSWORDS))
        async with open_database(url) as connection:
            await ensure_months(connection, {month_of(moment) for moment in moments})
            return str(await connection.fetchval("SHOW server_version"))

    @asynccontextmanager
    async def fresh(self, migrated: bool = True) -> AsyncIterator[str]:
        """Yield the address of an empty database, migrated or not; it is dropped at the end."""
        name, template = f"bench_{next(self._numbers)}", _TEMPLATE if migrated else "template0"
        await self._administer(f"CREATE DATABASE {name} TEMPLATE {template} STRATEGY FILE_COPY")
        try:
            yield self._server.url_of(name)
        finally:
            await self._administer(f"DROP DATABASE {name} WITH (FORCE)")

    async def checkpoint(self) -> None:
        """Run a checkpoint, so that each run starts in the same state."""
        await self._administer("CHECKPOINT")

    async def _administer(self, statement: str) -> None:
        async with open_database(self._server.admin_url) as connection:
            await connection.execute(statement)


@asynccontextmanager
async def open_database(url: str) -> AsyncIterator[Connection]:
    """Open a connection without the time limits of production, for use outside measurements."""
    async with connected(url, name="cost-analytics bench") as connection:
        await connection.execute("SET statement_timeout = 0")
        yield connection
