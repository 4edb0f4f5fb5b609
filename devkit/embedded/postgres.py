"""PostgreSQL 16 from a Python package, as a child process with its own data directory.

Only the programs inside the package are used. Its server wrapper is not: as root it creates a
system account and makes every directory above the data accessible to all, its servers outlive the
parent, and they accept connections without a password.

PostgreSQL refuses to run as root, so as root the server runs as the account `nobody`, which owns
the data; `launch.py` describes how it reaches them below a private directory. It listens on the
loopback address only, with a random password in a file that only its owner may read.
"""

import asyncio
import signal
import time
from pathlib import Path
from typing import Final

from cost_analytics.minimal_environment import minimal_environment
from devkit.embedded import postgres_files as files
from devkit.embedded.ports import LOOPBACK
from devkit.embedded.processes import Program, ServerError, ServerProcess, run_to_end
from devkit.embedded.server import EmbeddedServer

DATABASE: Final = "cost_analytics"
_OWNER: Final = "cost_analytics"
_MAKE_SECONDS_MAX: Final = 120
# A start after a crash first replays up to max_wal_size of WAL.
_READY_SECONDS_MAX: Final = 300
_LEFTOVERS: Final = "is still in use"
_AS_ROOT: Final = (
    "As root, the embedded database runs as another account, which cannot access this directory: "
    "move the project to a directory that everybody may read, or run it as an ordinary user."
)
_SETTINGS: Final = {
    "checkpoint_timeout": "15min",
    "jit": "off",
    "listen_addresses": LOOPBACK,
    "log_checkpoints": "off",
    "log_timezone": "UTC",
    "max_connections": "200",
    "max_wal_size": "4GB",
    "shared_buffers": "256MB",
    "synchronous_commit": "on",
    "timezone": "UTC",
    "unix_socket_directories": "",
    "wal_compression": "on",
}


class EmbeddedPostgres(EmbeddedServer):
    """A database server: `async with EmbeddedPostgres(directory / "postgres") as pg: pg.url`.

    The data directory is created on first use; the log and the password are beside it. Committed
    data survive restarts, crashes and `kill`.
    """

    _stop_seconds_max = 60

    def __init__(
        self,
        data: Path,
        port: int | None = None,
        settings: dict[str, str] | None = None,
        *,
        leftover_seconds_max: int = 6,
    ) -> None:
        """`settings` are PostgreSQL's; they override the defaults.

        `leftover_seconds_max` bounds the wait for a server whose parent was killed, and for the
        sessions of a killed server: both end within moments.
        """
        super().__init__(data, port)
        self._settings = {**_SETTINGS, **(settings or {})}
        self._password = ""
        self._leftover_seconds_max = leftover_seconds_max

    @property
    def url(self) -> str:
        """The address of the database `cost_analytics` with its password, for DATABASE_URL."""
        return self.url_of(DATABASE)

    @property
    def admin_url(self) -> str:
        """The address of the database `postgres`, for creating and dropping other databases."""
        return self.url_of("postgres")

    def url_of(self, database: str) -> str:
        """Return the address of a database on this server."""
        return f"postgresql://{_OWNER}:{self._password}@{self.address}/{database}"

    async def _start(self) -> None:
        self.directory.parent.mkdir(parents=True, exist_ok=True)
        self._password = files.password(self._sibling_path("password"))
        if not self.directory.exists():
            await self._make_data()
        files.check_usable(self.directory)
        await self._wait_for_leftovers()
        await self._serve()
        await self._make_database()

    async def _make_data(self) -> None:
        """Create the data directory under a temporary name, so that it is never incomplete."""
        unfinished = self._sibling_path("new")
        account = files.server_account(self.directory)
        files.empty_directory(unfinished, account)
        files.set_owner(self._sibling_path("password"), account)
        initdb = self._program(
            "initdb",
            f"--pgdata={unfinished}",
            f"--pwfile={self._sibling_path('password')}",
            f"--username={_OWNER}",
            "--auth=scram-sha-256",
            "--encoding=UTF8",
            "--locale=C",
        )
        try:
            await run_to_end(initdb, _MAKE_SECONDS_MAX)
        except ServerError as error:
            if account is None or "Permission denied" not in str(error):
                raise
            raise ServerError(f"{error}\n{_AS_ROOT}") from error
        unfinished.rename(self.directory)

    async def _wait_for_leftovers(self) -> None:
        """Wait for a server whose parent was killed to end; raises ServerError if it does not."""
        deadline = time.monotonic() + self._leftover_seconds_max
        while pid := files.running_server(self.directory):
            if time.monotonic() > deadline:
                raise ServerError(f"process {pid} uses {self.directory}: stop the other instance")
            await asyncio.sleep(0.1)

    async def _serve(self) -> None:
        """Start the server, repeatedly while sessions of a killed server hold its memory."""
        deadline = time.monotonic() + self._leftover_seconds_max
        while True:
            try:
                return await self._serve_once()
            except ServerError as error:
                if _LEFTOVERS not in str(error) or time.monotonic() > deadline:
                    raise
            await asyncio.sleep(0.1)

    async def _serve_once(self) -> None:
        options = [f"--{name}={value}" for name, value in self._settings.items()]
        server = ServerProcess(
            self._program("postgres", f"-D{self.directory}", f"-p{self.port}", *options)
        )
        self._process = server
        await server.start()
        await server.wait_until(
            lambda: files.is_ready(self.directory, server.pid), _READY_SECONDS_MAX
        )

    async def _make_database(self) -> None:
        """Create the database after the first start, also if that was interrupted."""
        marker = self.directory / "database_made"
        if marker.exists():
            return
        connection = [f"--host={LOOPBACK}", f"--port={self.port}", f"--username={_OWNER}"]
        try:
            await run_to_end(
                self._program("createdb", *connection, "--maintenance-db=postgres", DATABASE),
                _MAKE_SECONDS_MAX,
            )
        except ServerError as error:
            if "already exists" not in str(error):
                raise
        marker.touch()

    def _program(self, name: str, *arguments: str) -> Program:
        return Program(
            name="the embedded database (PostgreSQL)" if name == "postgres" else name,
            command=[files.find_program(name), *arguments],
            log=self._sibling_path("log"),
            environment=minimal_environment(PGPASSWORD=self._password),
            stop_signal=signal.SIGINT,  # "fast": end all sessions, write everything, stop
            orphan_signal=signal.SIGQUIT,  # "immediate": stop, recover at the next start
            account=files.server_account(self.directory),
        )

    def _sibling_path(self, ending: str) -> Path:
        return self.directory.with_name(f"{self.directory.name}.{ending}")
