"""Runs the whole product on this machine.

The order: database and broker, schema and topics, `.local/dev.env`, worker, notifications, commands
and API, simulated calls and, at the first start, a history of calls. Then it watches the processes
until it is stopped or one of them ends. No process is left behind: an orderly end stops them, and
if this process is killed, the kernel ends its children.
"""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import Awaitable, Callable, Mapping
from contextlib import AsyncExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Final

from cost_analytics.configuration.dev_file import DEV_FILE, DEVELOPMENT_SERVER, write_env_file
from cost_analytics.configuration.run_sections import DevSection
from cost_analytics.configuration.tree import Settings
from cost_analytics.failures import CommandError, using_database, using_kafka
from cost_analytics.tokens import mint
from devkit.dev.broker import DevBroker
from devkit.dev.environment import database_urls, dev_values, new_passwords, validate_settings
from devkit.dev.http import get
from devkit.dev.parts import SIMULATION, RunningParts
from devkit.dev.upkeep import BrokerUpkeep
from devkit.embedded.foreground import print_line
from devkit.embedded.postgres import EmbeddedPostgres
from devkit.embedded.processes import ServerError
from devkit.simulation.participants import DEMO_USER

if TYPE_CHECKING:
    from ledger.postgres.logins import ProcessName

WhenReady = Callable[[Settings], Awaitable[None]]
"""Called with the settings of the instance once it serves."""
_READY_SECONDS_MAX: Final = 90
_POLL_SECONDS: Final = 0.2
_TOKEN_SECONDS: Final = 7 * 86_400
_PAST_DAYS: Final = 45
_PAST: Final = ("--past-days", f"{_PAST_DAYS}", "--calls", "330", "--users", "12", "--rate", "0")
"""About 15,000 events, counted within seconds; the budget in `demo.py` fits this number."""
_SIMULATION: Final = ("--calls", "0", "--users", "12", "--odd-calls", "3")
_SIMULATION_RATE: Final = 6
_MAINTENANCE_SECONDS: Final = 5
_RETENTION_SECONDS: Final = 3_600
_DATABASE_STOP_SECONDS_MAX: Final = 2
_MEGABYTE: Final = 1024 * 1024


class Instance:
    """One run of the development instance in `directory` (`.local`)."""

    def __init__(self, options: DevSection, directory: Path, when_ready: WhenReady) -> None:
        self._options = options
        self._when_ready = when_ready
        self._directory = directory
        self.parts: RunningParts | None = None

    async def run(self, stop: asyncio.Event) -> None:
        """Run until `stop` is set; raises CommandError, ServerError or PartEndedError."""
        async with AsyncExitStack() as stack:
            work = asyncio.create_task(self._work(stack))
            stopping = asyncio.create_task(stop.wait())
            try:
                await asyncio.wait({work, stopping}, return_when=asyncio.FIRST_COMPLETED)
                if stop.is_set():
                    print_line("\nStopping…")
                else:
                    work.result()
            finally:
                stopping.cancel()
                work.cancel()
                await asyncio.gather(work, return_exceptions=True)
        print_line("Stopped. The data are kept for the next `make run`.")

    async def _work(self, stack: AsyncExitStack) -> None:
        postgres, broker = await self._start_servers(stack)
        passwords = new_passwords()
        values = dev_values(
            DEV_FILE,
            bootstrap=broker.bootstrap,
            database_urls=database_urls(postgres.url, passwords),
            port=self._options.port,
        )
        settings = validate_settings(values)
        await _create_logins(settings, postgres.url, passwords)
        is_first = await _prepare(settings, validate_settings(values, "api"))
        write_env_file(DEV_FILE, values)
        parts = self.parts = RunningParts(
            self._directory / "logs", {"LOG_FORMAT": "text", **values}
        )
        stack.push_async_callback(parts.stop)
        for server in (postgres, broker):
            parts.watch(server.process)
        ended = asyncio.create_task(parts.until_one_ends())
        serving = asyncio.create_task(self._serve_and_maintain(parts, broker, settings, is_first))
        try:
            await asyncio.wait({serving, ended}, return_when=asyncio.FIRST_COMPLETED)
            if serving.done():
                serving.result()
            await ended
        finally:
            serving.cancel()
            ended.cancel()
            await asyncio.gather(serving, ended, return_exceptions=True)

    async def _start_servers(self, stack: AsyncExitStack) -> tuple[EmbeddedPostgres, DevBroker]:
        postgres = EmbeddedPostgres(
            self._directory / "postgres", settings={"cluster_name": DEVELOPMENT_SERVER}
        )
        broker = DevBroker(self._directory / "tansu")
        first = "" if postgres.directory.exists() else " (first run: creating a database)"
        print_line(f"Starting PostgreSQL and the broker{first}…")
        await stack.enter_async_context(postgres)
        # Runs before the server's own stop, which may take a minute. A server that is killed here
        # recovers at the next start.
        stack.push_async_callback(postgres.stop, _DATABASE_STOP_SECONDS_MAX)
        await stack.enter_async_context(broker)
        return postgres, broker

    async def _serve_and_maintain(
        self, parts: RunningParts, broker: DevBroker, settings: Settings, is_first: bool
    ) -> None:
        """Serve, and limit the size of logs and database while this runs."""
        await self._serve(parts, settings, is_first)
        await self._when_ready(settings)
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(_drop_old_months(settings))
            tasks.create_task(self._maintain(parts, broker, settings))

    async def _maintain(self, parts: RunningParts, broker: DevBroker, settings: Settings) -> None:
        upkeep = BrokerUpkeep(
            broker,
            self._options.broker_memory_mb * _MEGABYTE,
            replace=lambda: _replace(broker, parts, settings),
            is_refilled=lambda: _is_refilled(settings),
        )
        while True:
            await asyncio.sleep(_MAINTENANCE_SECONDS)
            parts.rotate_logs()
            await upkeep.run_once()

    async def _serve(self, parts: RunningParts, settings: Settings, is_first: bool) -> None:
        print_line("Starting the worker, notifications, commands and the API…")
        await parts.start("worker", "worker")
        await parts.start("notices", "notices")
        await parts.start("commands", "commands")
        await parts.start("api", "api")
        if self._options.simulate:
            past = f" and a history of {_PAST_DAYS} days" if is_first else ""
            print_line(f"Starting simulated calls{past}…")
            # A new seed each time: the same events would not count again.
            seed = str(secrets.randbits(32))
            rate = str(_SIMULATION_RATE * self._options.simulate)
            await parts.start(SIMULATION, "simulate", *_SIMULATION, "--rate", rate, "--seed", seed)
        await _wait_until_ready(self._options.port)
        _print_addresses(self._options, settings, self._directory)
        if self._options.simulate and is_first:
            # Last, so that nothing waits for it: it is complete by the time a browser shows it.
            seed = str(secrets.randbits(32))
            await parts.finish("past", "simulate", *_PAST, "--seed", seed)


async def _create_logins(
    settings: Settings, admin_url: str, passwords: Mapping[ProcessName, str]
) -> None:
    """Create the logins of the processes and migrate the schema."""
    from ledger.postgres.logins import LoginPlan, create_logins

    with using_database(settings.database_url):
        plan = LoginPlan(passwords)
        await create_logins(admin_url, plan, report=lambda step: print_line(f"Schema: {step}"))


async def _prepare(settings: Settings, api_settings: Settings) -> bool:
    """Create the topics and the demo user's budget; return whether there is no call yet."""
    from devkit.dev.demo import prepare_demo
    from messaging.kafka import ensure_topics

    with using_database(settings.database_url):
        is_first = await prepare_demo(api_settings)
    with using_kafka(settings.kafka):
        await ensure_topics(settings.kafka.client(), partitions=settings.kafka.topic_partitions)
    return is_first


async def _drop_old_months(settings: Settings) -> None:
    """Drop old months of events periodically."""
    from devkit.dev.retention import drop_old_months

    while True:
        await drop_old_months(settings.database_url.reveal())
        await asyncio.sleep(_RETENTION_SECONDS)


async def _is_refilled(settings: Settings) -> bool:
    """Return whether the totals are in the new broker; False while the database is unavailable."""
    from ledger.operations.totals_topic import totals_are_published_again
    from ledger.postgres.database import TRANSIENT_ERRORS, connected

    try:
        async with connected(settings.database_url.reveal(), name="cost-analytics dev") as opened:
            return await totals_are_published_again(opened)
    except TRANSIENT_ERRORS:
        return False


async def _replace(broker: DevBroker, parts: RunningParts, settings: Settings) -> bool:
    """Replace the broker; an error is reported, and the next call tries again."""
    from devkit.dev.replacing import replace_broker
    from ledger.postgres.database import TRANSIENT_ERRORS
    from messaging.kafka import KafkaError

    grown_mb = broker.growth_bytes // _MEGABYTE
    try:
        copied = await replace_broker(broker, parts, settings)
    except (KafkaError, ServerError, *TRANSIENT_ERRORS) as error:
        print_line(
            f"The broker's log ({grown_mb} MB) was not replaced: {error or type(error).__name__}"
        )
        return False
    if copied is not None:
        print_line(
            f"The broker's log ({grown_mb} MB) was replaced; {copied.records} records were copied, "
            f"clients waited for {copied.pause_ms} ms."
        )
    return copied is not None


async def _wait_until_ready(port: int) -> None:
    loop = asyncio.get_running_loop()
    deadline = loop.time() + _READY_SECONDS_MAX
    status, body = 0, ""
    while status != 200:
        if loop.time() > deadline:
            reason = body.strip() or "no response"
            raise CommandError(f"The API was not ready after {_READY_SECONDS_MAX} s: {reason}")
        await asyncio.sleep(_POLL_SECONDS)
        status, body = await get(port, "/ready")


def _print_addresses(options: DevSection, settings: Settings, directory: Path) -> None:
    base = f"http://127.0.0.1:{options.port}"
    token = mint(settings.tokens, DEMO_USER, ttl_seconds=_TOKEN_SECONDS)
    print_line("")
    print_line(f"Ready: {base}/")
    print_line("")
    # In the fragment, which browsers do not send: the page takes the token from there.
    print_line(f"The dashboard, signed in as the user `{DEMO_USER}`:")
    print_line(f"{base}/#token={token}")
    print_line("")
    calls = " with active calls" if options.simulate else " (calls are not simulated)"
    print_line(f"The spending of the user `{DEMO_USER}`{calls}:")
    print_line(
        f"curl -H 'Authorization: Bearer {token}' '{base}/api/costs/user/{DEMO_USER}/spending'"
    )
    print_line("")
    print_line(
        f"Logs are in {directory / 'logs'}, settings in {DEV_FILE}. Ctrl-C stops everything."
    )
