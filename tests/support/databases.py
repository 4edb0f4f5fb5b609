"""A database for each test: migrated once as a template, then cloned in tens of milliseconds."""

import itertools
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager

import asyncpg

from devkit.embedded.postgres import EmbeddedPostgres
from tests.support.background_loop import BackgroundLoop

_TEMPLATE = "migrated"


class DatabaseCloner:
    """Clones the migrated template on one shared server."""

    def __init__(self, background: BackgroundLoop, server: EmbeddedPostgres) -> None:
        """Create and migrate the template."""
        self._background = background
        self._server = server
        self._numbers = itertools.count(1)
        background.run(self._make_template())

    @contextmanager
    def clone(self) -> Iterator[str]:
        """Yield the address of a migrated, empty database, and drop it afterwards."""
        name = f"test_{next(self._numbers)}"
        # Copying files takes an eighth of the time of writing everything to the WAL.
        create = f"CREATE DATABASE {name} TEMPLATE {_TEMPLATE} STRATEGY FILE_COPY"
        self._background.run(self._execute(create))
        try:
            yield self._server.url_of(name)
        finally:
            self._background.run(self._execute(f"DROP DATABASE {name} WITH (FORCE)"))

    @asynccontextmanager
    async def copied(self, database_url: str) -> AsyncIterator[str]:
        """Yield the address of a copy of a database without open connections, and drop it."""
        name, source = f"test_{next(self._numbers)}", database_url.rsplit("/", 1)[-1]
        await self._execute(f"CREATE DATABASE {name} TEMPLATE {source} STRATEGY FILE_COPY")
        try:
            yield self._server.url_of(name)
        finally:
            await self._execute(f"DROP DATABASE {name} WITH (FORCE)")

    async def _make_template(self) -> None:
        # Imported here, so that tests without a database do not need it.
        from tests.support.logins import create_test_logins

        await self._execute(f"CREATE DATABASE {_TEMPLATE}")
        await create_test_logins(self._server.url_of(_TEMPLATE))

    async def _execute(self, statement: str) -> None:
        connection = await asyncpg.connect(self._server.admin_url)
        try:
            await connection.execute(statement)
        finally:
            await connection.close()
