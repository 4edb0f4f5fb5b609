"""A restore by the commands of docs/operations.md, word by word, while events keep coming.

PostgreSQL is lost; worker, API and notifications keep running and find the restored server behind
the same address. No total differs, no notification comes twice, no open socket sees a version fall.
"""

import asyncio
import json
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from fractions import Fraction
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
from aiohttp import ClientSession, WSMsgType

from cost_analytics.embedded.postgres import EmbeddedPostgres
from ledger.operations.epochs import epoch_of
from schemas.topics import DELIVERIES
from tests.conftest import UNSAFE_BUT_FAST
from tests.support import parts
from tests.support.alerting import USD, Key, change, just_now, spend_of
from tests.support.documented import blocks_of, run_block
from tests.support.events import Plain, charged, cost, ended, started
from tests.support.expected import expect
from tests.support.fault_table import AlertFigures, FaultRecorder, difference_nano
from tests.support.links import Link, linked
from tests.support.logins import PASSWORDS
from tests.support.notices import write_channel
from tests.support.product import Product
from tests.support.published import topic_differences
from tests.support.receivers import Receiver, receiver
from tests.support.recording import fetch, until
from tests.support.streaming import Stage
from tests.support.totals import read_totals

SECONDS_MAX = 300
CALLS_A_SECOND = 4
USERS = 4
LIMIT_USD = 100
THRESHOLDS = (80, 100)
CALL_LIMIT_NANO = USD // 100
"""Below what a call costs, so that each call raises its two alerts."""

pytestmark = [pytest.mark.slow, pytest.mark.timeout(SECONDS_MAX)]


class Emitter:
    """Sends whole calls until it is stopped; `events` are those that the broker has."""

    def __init__(self, stage: Stage) -> None:
        self._stage = stage
        self.events: list[Plain] = []

    async def run(self, stop: asyncio.Event) -> None:
        """Send a call, with one of its events twice, several times a second."""
        number = 0
        while not stop.is_set():
            whose: dict[str, Any] = {
                "call": f"call-{number}",
                "user": f"user-{number % USERS}",
                "time": just_now(),
            }
            some = [
                started(**whose),
                cost(**whose),
                cost(**whose, service="deepgram", operation="stt_streaming", model="nova-2"),
                charged(**whose, amount="7.25"),
                ended(**whose),
            ]
            await self._stage.send([*some, some[1]])
            self.events += some
            number += 1
            await asyncio.sleep(1 / CALLS_A_SECOND)

    def expected_alerts(self) -> set[Key]:
        """Return an alert for each threshold that a day or a call reaches; nothing is given back."""
        spend = spend_of(self.events)
        days = {
            Key(user, kind, period, Fraction(percent), 1)
            for (user, kind, period), nano in spend.periods.items()
            for percent in THRESHOLDS
            if kind == "daily" and nano * 100 >= percent * LIMIT_USD * USD
        }
        calls = {
            Key(user, "call", call, Fraction(percent), 1)
            for (user, call), nano in spend.calls.items()
            for percent in THRESHOLDS
            if nano * 100 >= percent * CALL_LIMIT_NANO
        }
        return days | calls


class Watcher:
    """An open socket: how often a version fell, over all its messages."""

    def __init__(self) -> None:
        self.falls: list[str] = []
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
                said = json.loads(message.data)
                self._note(said["calls"] if said["type"] == "snapshot" else [said.get("call")])
            raise AssertionError(f"the socket was closed: {socket.close_code}")

    def _note(self, calls: list[Any]) -> None:
        for call in filter(None, calls):
            self.messages += 1
            before = self.versions.get(call["callId"], 0)
            if call["version"] < before:
                self.falls.append(f"{call['callId']}: {before} {call['version']}")
            self.versions[call["callId"]] = max(before, call["version"])


def keys_of(endpoint: Receiver) -> list[Key]:
    """Return the alerts that a receiver has accepted."""
    alerts = [got.json["data"] for got in endpoint.accepted]
    return [
        Key(
            one["userId"], one["type"], one["period"],
            Fraction(str(one["threshold_percent"])), one["limitVersion"],
        )
        for one in alerts
    ]  # fmt: skip


@pytest.fixture
async def new_server(tmp_path: Path) -> AsyncIterator[EmbeddedPostgres]:
    """A server without roles and databases of ours but the superuser's own."""
    server = EmbeddedPostgres(tmp_path / "new" / "data", settings=UNSAFE_BUT_FAST)
    async with server:
        yield server


@asynccontextmanager
async def running(stage: Stage, directory: Path) -> AsyncIterator[Product]:
    """Run a worker, an API and the notifications for the length of a block."""
    product = Product(stage, directory)
    try:
        for name in ("worker", "notices", "api"):
            product.start(name)
        await product.until_ready()
        yield product
    finally:
        product.close()


async def restore(link: Link, new_server: EmbeddedPostgres, backups: Path, database: str) -> None:
    """Restore by the documented commands, and let the processes reach the new server."""
    _, restoring, _ = blocks_of("operations.md", "Backup and restore")
    passwords = {f"{name.upper()}_DATABASE_PASSWORD": text for name, text in PASSWORDS.items()}
    server = new_server.admin_url.removesuffix("/postgres")
    # The tests' processes look for a database of this name.
    await fetch(new_server.admin_url, f"DROP DATABASE {new_server.url.rpartition('/')[2]}")
    values = {"NEW_SERVER": server, "BACKUPS": str(backups), **passwords}
    await asyncio.to_thread(run_block, restoring, values, backups)
    await fetch(new_server.admin_url, f"ALTER DATABASE cost_analytics RENAME TO {database}")
    link.port, link.refuses = new_server.port, False


async def test_a_restore_by_the_documented_commands_under_load(
    stage: Stage, new_server: EmbeddedPostgres, tmp_path: Path, record_fault: FaultRecorder
) -> None:
    old_url, database = stage.database_url, urlsplit(stage.database_url).path[1:]
    new_url = new_server.url_of(database)
    backups = tmp_path / "backups"
    backups.mkdir()
    taking, _, checking = blocks_of("operations.md", "Backup and restore")
    emitter, stop = Emitter(stage), asyncio.Event()
    async with receiver() as endpoint, linked(old_url) as (link, url):
        for number in range(USERS):
            user = f"user-{number}"
            await change(
                old_url, user,
                daily_limit=(True, LIMIT_USD * USD), call_limit=(True, CALL_LIMIT_NANO),
            )  # fmt: skip
            await write_channel(old_url, endpoint.url, user_id=user)
        async with running(replace(stage, database_url=url), tmp_path) as product:
            watchers = [Watcher() for _ in range(2)]
            async with asyncio.TaskGroup() as tasks:
                sockets = [
                    tasks.create_task(watcher.run(product, f"user-{number}"))
                    for number, watcher in enumerate(watchers)
                ]
                emitting = tasks.create_task(emitter.run(stop))
                await until_accepted(endpoint, 20)
                values = {"DATABASE_URL": old_url, "BACKUPS": str(backups)}
                await asyncio.to_thread(run_block, taking, values, tmp_path)
                before = len(endpoint.accepted)
                await until_accepted(endpoint, before + 40)
                link.cut()  # the old server is lost
                await asyncio.sleep(1)
                after = len(endpoint.accepted) - before
                await restore(link, new_server, backups, database)
                restored = await fetch(new_url, "SELECT count(*) FROM notice_deliveries")
                await asyncio.sleep(5)  # events keep coming
                stop.set()
                await emitting
                fresh = replace(stage, database_url=new_url)
                await fresh.until_counted(len(emitter.events) * 6 // 5)
                expected_alerts = emitter.expected_alerts()
                await until(lambda: is_quiet(fresh, endpoint, len(expected_alerts)), 90)
                await until(lambda: agrees(fresh), 90)
                for socket in sockets:
                    assert not socket.done()
                    socket.cancel()
            verified = await asyncio.to_thread(
                run_block, checking, {"DATABASE_URL": new_url}, tmp_path
            )
            journaled = len(await stage.read_all(DELIVERIES.name))
            log = (tmp_path / "notices.log").read_text()
    totals, expected = await read_totals(new_url), expect(emitter.events).totals
    found = keys_of(endpoint)
    falls = [fall for watcher in watchers for fall in watcher.falls]
    parts.figures.append(
        f"restore under load, {stage.broker}: {len(emitter.events)} events, {len(found)} notifications "
        f"({after} between backup and loss, {restored[0][0]} in the backup), "
        f"{sum(count - 1 for count in Counter(found).values())} twice, "
        f"{len(falls)} falls of a version in {sum(w.messages for w in watchers)} messages"
    )
    record_fault(
        f"restore by the documented commands under load, {stage.broker}",
        sent=expected.events,
        counted=totals.events,
        difference=difference_nano(expected, totals),
        alerts=AlertFigures.of(expected_alerts, found),
    )
    assert totals == expected
    assert after >= 40
    assert journaled >= len(found)
    assert "journal_read" in log
    assert falls == []
    assert all(epoch_of(max(watcher.versions.values())) > 0 for watcher in watchers)
    assert "Differences: 0" in verified


async def until_accepted(endpoint: Receiver, count: int) -> None:
    """Wait until so many notifications were accepted."""
    async with asyncio.timeout(90):
        while len(endpoint.accepted) < count:
            await asyncio.sleep(0.05)


async def is_quiet(stage: Stage, endpoint: Receiver, expected: int) -> bool:
    """Tell whether as many different alerts arrived as must, and nothing is left to send."""
    waiting = await fetch(
        stage.database_url,
        "SELECT FROM notice_deliveries WHERE state IN ('pending', 'delivering')",
    )
    return not waiting and len(set(keys_of(endpoint))) >= expected


async def agrees(stage: Stage) -> bool:
    """Tell whether the totals topic equals the database."""
    return not await topic_differences(stage)
