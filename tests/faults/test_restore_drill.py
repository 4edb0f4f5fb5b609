"""A restore with the literal commands of docs/operations.md, while events keep coming.

PostgreSQL is lost; worker, API and notifications keep running and find the restored server behind
the same address. No total differs, no notification is sent twice, no version
decreases on an open socket.
"""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from fractions import Fraction
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
from aiohttp import ClientSession, WSMsgType

from devkit.embedded.postgres import EmbeddedPostgres
from ledger.recording.epochs import epoch_of
from schemas.topics import DELIVERIES
from tests.conftest import UNSAFE_BUT_FAST
from tests.support import parts
from tests.support.alerting import USD, AlertKey, change, just_now, spend_of
from tests.support.documented import blocks_of, run_block
from tests.support.events import Plain, charged, cost, ended, started
from tests.support.expected import expect
from tests.support.fault_table import AlertFigures, FaultRecorder, difference_nano
from tests.support.links import Link, linked
from tests.support.logins import PASSWORDS
from tests.support.notifications import write_channel
from tests.support.product_processes import Product
from tests.support.published import topic_differences
from tests.support.receivers import HttpReceiver, receiver
from tests.support.recording import fetch, until
from tests.support.streaming import Pipeline
from tests.support.totals import read_totals

SECONDS_MAX = 300
CALLS_A_SECOND = 4
USERS = 4
LIMIT_USD = 100
THRESHOLDS = (80, 100)
CALL_LIMIT_NANO = USD // 100
"""Below the cost of a call, so that each call raises its two alerts."""

pytestmark = [pytest.mark.slow, pytest.mark.timeout(SECONDS_MAX)]


class CallEmitter:
    """Sends whole calls until stopped; `events` are those that the broker has acknowledged."""

    def __init__(self, pipeline: Pipeline) -> None:
        self._pipeline = pipeline
        self.events: list[Plain] = []

    async def run(self, stop: asyncio.Event) -> None:
        """Send a call, with one of its events twice, several times a second."""
        number = 0
        while not stop.is_set():
            call_and_user: dict[str, Any] = {
                "call": f"call-{number}",
                "user": f"user-{number % USERS}",
                "time": just_now(),
            }
            some = [
                started(**call_and_user),
                cost(**call_and_user),
                cost(
                    **call_and_user, service="deepgram", operation="stt_streaming", model="nova-2"
                ),
                charged(**call_and_user, amount="7.25"),
                ended(**call_and_user),
            ]
            await self._pipeline.send([*some, some[1]])
            self.events += some
            number += 1
            await asyncio.sleep(1 / CALLS_A_SECOND)

    def expected_alerts(self) -> set[AlertKey]:
        """Return an alert for each threshold that a day or a call reaches; nothing is refunded."""
        spend = spend_of(self.events)
        days = {
            AlertKey(user, kind, period, Fraction(percent), 1)
            for (user, kind, period), nano in spend.periods.items()
            for percent in THRESHOLDS
            if kind == "daily" and nano * 100 >= percent * LIMIT_USD * USD
        }
        calls = {
            AlertKey(user, "call", call, Fraction(percent), 1)
            for (user, call), nano in spend.calls.items()
            for percent in THRESHOLDS
            if nano * 100 >= percent * CALL_LIMIT_NANO
        }
        return days | calls


class VersionWatcher:
    """An open socket; `decreases` are the cases in which a call's version decreased."""

    def __init__(self) -> None:
        self.decreases: list[str] = []
        self.versions: dict[str, int] = {}
        self.messages = 0

    async def run(self, product: Product, user: str) -> None:
        """Listen until cancelled; the socket must stay open."""
        url = f"ws://127.0.0.1:{product.port}/api/costs/live"
        headers = {"Authorization": f"Bearer {product.token(user)}"}
        async with (
            ClientSession(headers=headers) as session,
            session.ws_connect(url, max_msg_size=0) as socket,
        ):
            async for message in socket:
                assert message.type is WSMsgType.TEXT, message
                body = json.loads(message.data)
                self._note(body["calls"] if body["type"] == "snapshot" else [body.get("call")])
            raise AssertionError(f"the socket was closed: {socket.close_code}")

    def _note(self, calls: list[Any]) -> None:
        for call in filter(None, calls):
            self.messages += 1
            before = self.versions.get(call["callId"], 0)
            if call["version"] < before:
                self.decreases.append(f"{call['callId']}: {before} {call['version']}")
            self.versions[call["callId"]] = max(before, call["version"])


def keys_of(endpoint: HttpReceiver) -> list[AlertKey]:
    """Return the alerts that a receiver accepted."""
    alerts = [request.json["data"] for request in endpoint.accepted]
    return [
        AlertKey(
            alert["userId"], alert["type"], alert["period"],
            Fraction(str(alert["threshold_percent"])), alert["limitVersion"],
        )
        for alert in alerts
    ]  # fmt: skip


@pytest.fixture
async def new_server(tmp_path: Path) -> AsyncIterator[EmbeddedPostgres]:
    """A server with the superuser's database only, without our roles."""
    server = EmbeddedPostgres(tmp_path / "new" / "data", settings=UNSAFE_BUT_FAST)
    async with server:
        yield server


@asynccontextmanager
async def running(pipeline: Pipeline, directory: Path) -> AsyncIterator[Product]:
    """Run a worker, an API and the notifications for the length of a block."""
    product = Product(pipeline, directory)
    try:
        for name in ("worker", "notices", "api"):
            product.start(name)
        await product.until_ready()
        yield product
    finally:
        product.close()


@dataclass
class RestoreDrill:
    """One restore: the lost server behind `link`, the new one, and the observations."""

    pipeline: Pipeline
    new_server: EmbeddedPostgres
    directory: Path
    link: Link
    endpoint: HttpReceiver
    emitter: CallEmitter
    watchers: list[VersionWatcher]
    after: int = 0
    """Notifications between the backup and the loss."""

    @property
    def fresh(self) -> Pipeline:
        """The pipeline with the new server."""
        database = urlsplit(self.pipeline.database_url).path[1:]
        return replace(self.pipeline, database_url=self.new_server.url_of(database))

    async def prepare(self) -> None:
        """Give each user limits and a channel."""
        url = self.pipeline.database_url
        limits: dict[str, Any] = {
            "daily_limit": (True, LIMIT_USD * USD),
            "call_limit": (True, CALL_LIMIT_NANO),
        }
        for number in range(USERS):
            await change(url, f"user-{number}", **limits)
            await write_channel(url, self.endpoint.url, user_id=f"user-{number}")

    async def run(self, product: Product) -> None:
        """Back up, lose the server, restore, and wait until everything agrees."""
        stop = asyncio.Event()
        async with asyncio.TaskGroup() as tasks:
            sockets = [
                tasks.create_task(watcher.run(product, f"user-{number}"))
                for number, watcher in enumerate(self.watchers)
            ]
            emitting = tasks.create_task(self.emitter.run(stop))
            await self.back_up_and_lose_the_server()
            await self.restore()
            await asyncio.sleep(5)  # events keep coming
            stop.set()
            await emitting
            await self.fresh.until_counted(len(self.emitter.events) * 6 // 5)
            await until(self.is_quiet, 90)
            await until(self.agrees, 90)
            for socket in sockets:
                assert not socket.done()
                socket.cancel()

    async def back_up_and_lose_the_server(self) -> None:
        """Back up, let more notifications follow, and lose the server."""
        await until_accepted(self.endpoint, 20)
        await self.run_documented(0, ADMIN_DATABASE_URL=self.pipeline.database_url)
        before = len(self.endpoint.accepted)
        await until_accepted(self.endpoint, before + 40)
        self.link.cut()
        await asyncio.sleep(1)
        self.after = len(self.endpoint.accepted) - before

    async def restore(self) -> None:
        """Restore on the new server, and let the processes reach it."""
        admin_url, own = self.new_server.admin_url, self.new_server.url.rpartition("/")[2]
        await fetch(admin_url, f"DROP DATABASE {own}")
        passwords = {f"{name.upper()}_DATABASE_PASSWORD": text for name, text in PASSWORDS.items()}
        await self.run_documented(1, NEW_SERVER=admin_url.removesuffix("/postgres"), **passwords)
        # The processes use a database of this name.
        name = urlsplit(self.pipeline.database_url).path[1:]
        await fetch(admin_url, f"ALTER DATABASE {own} RENAME TO {name}")
        self.link.port, self.link.refuses = self.new_server.port, False

    async def run_documented(self, number: int, **values: str) -> str:
        """Run a block of the document unchanged; returns its output."""
        blocks = blocks_of("operations.md", "Backup and restore")
        backups = self.directory / "backups"
        backups.mkdir(exist_ok=True)
        values["BACKUPS"] = str(backups)
        return await asyncio.to_thread(run_block, blocks[number], values, self.directory)

    async def is_quiet(self) -> bool:
        """Return whether all expected alerts arrived and nothing is left to send."""
        url = self.fresh.database_url
        waiting = await fetch(
            url, "SELECT FROM notice_deliveries WHERE state IN ('pending', 'delivering')"
        )
        return not waiting and set(keys_of(self.endpoint)) >= self.emitter.expected_alerts()

    async def agrees(self) -> bool:
        """Return whether the totals topic equals the database."""
        return not await topic_differences(self.fresh)


async def test_documented_restore_works_under_load(
    pipeline: Pipeline, new_server: EmbeddedPostgres, tmp_path: Path, record_fault: FaultRecorder
) -> None:
    async with receiver() as endpoint, linked(pipeline.database_url) as (link, url):
        watchers = [VersionWatcher() for _ in range(2)]
        drill = RestoreDrill(
            pipeline, new_server, tmp_path, link, endpoint, CallEmitter(pipeline), watchers
        )
        await drill.prepare()
        async with running(replace(pipeline, database_url=url), tmp_path) as product:
            await drill.run(product)
        verified = await drill.run_documented(2, DATABASE_URL=drill.fresh.database_url)
    events, found = drill.emitter.events, keys_of(endpoint)
    totals, expected = await read_totals(drill.fresh.database_url), expect(events).totals
    decreases = [one for watcher in watchers for one in watcher.decreases]
    parts.figures.append(
        f"restore under load, {pipeline.broker}: {len(events)} events, {len(found)} notifications "
        f"({drill.after} between backup and loss), {len(found) - len(set(found))} twice, "
        f"{len(decreases)} decreasing versions in {sum(one.messages for one in watchers)} messages"
    )
    record_fault(
        f"restore by the documented commands under load, {pipeline.broker}",
        sent=expected.events,
        counted=totals.events,
        difference=difference_nano(expected, totals),
        alerts=AlertFigures.of(drill.emitter.expected_alerts(), found),
    )
    assert totals == expected
    assert decreases == []
    assert all(epoch_of(max(watcher.versions.values())) > 0 for watcher in watchers)
    assert "Differences: 0" in verified
    assert len(await pipeline.read_all(DELIVERIES.name)) >= len(found)
    assert "journal_read" in (tmp_path / "notices.log").read_text()


async def until_accepted(endpoint: HttpReceiver, count: int) -> None:
    """Wait until so many notifications were accepted."""
    async with asyncio.timeout(90):
        while len(endpoint.accepted) < count:
            await asyncio.sleep(0.05)
