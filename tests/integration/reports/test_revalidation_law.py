"""Law of revalidation: 304 is only answered while the body is the one that came with the ETag."""

import asyncio
import shutil
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from api.http.options import ApiOptions
from ledger.operations.verification import rebuild
from ledger.postgres.database import connected
from ledger.recording.epochs import raise_epoch
from ledger.repricing.repricer import Repricer
from ledger.repricing.rows import RepricingScope
from tests.integration.archives.test_archive_laws import CALLS, TIMES, play, steps
from tests.support.api import ApiClient, served_from, token
from tests.support.archives import NOW, archive
from tests.support.commands import request
from tests.support.databases import DatabaseCloner
from tests.support.events import charged
from tests.support.recording import BatchWriter, TopicLog, fetch
from tests.support.repricing import a_price, add

USERS = sorted(set(CALLS.values()))
FIRST_DAY, LAST_DAY = f"{TIMES[0] - timedelta(days=5):%F}", f"{NOW:%F}"
CUSTOM = f"period=custom&startDate={FIRST_DAY}&endDate={LAST_DAY}"
OWN = [
    *((owner, f"/api/costs/call/{call}") for call, owner in CALLS.items()),
    *(
        (user, f"/api/costs/user/{user}/{rest}")
        for user in USERS
        for rest in (
            "spending?period=7d",
            f"spending?{CUSTOM}",
            f"spending?{CUSTOM}&compare=true",
            f"spending?{CUSTOM}&groupBy=tag:campaign&tag=key1:",
            f"spending?{CUSTOM}&groupBy=model&service=twilio",
            "budget",
        )
    ),
]
"""Users and paths of their own reports."""
EXTRA = (
    "day",
    "hour",
    "processor",
    "processor priced",
    "class",
    "backup",
    "restore",
    "budget",
    "cutoff",
)
BUILDING = ApiOptions(report_cache_bytes=0)
extras = st.lists(st.tuples(st.integers(0, 24), st.sampled_from(EXTRA)), min_size=2, max_size=8)


def is_versioned(path: str) -> bool:
    return not path.endswith(("compare=true", "budget")) and "groupBy" not in path


@dataclass
class Clock:
    now: datetime


class Apis(NamedTuple):
    """Two processes on one ledger: one that keeps bodies of reports, and one that builds each."""

    caching: ApiClient
    building: ApiClient


@dataclass
class TaggedBodies:
    """The bodies that came with each tag, by viewer and path; counts what was answered."""

    bodies: dict[tuple[str, str], dict[str, bytes]] = field(default_factory=dict)
    revalidated: int = 0

    async def check(self, apis: Apis, viewer: str, path: str, *, all_tags: bool) -> None:
        """Compare a body that was built with the cached one, and with the answers to earlier tags."""
        bearer = token(viewer, role="admin" if viewer == "root" else "user")
        api = apis.caching
        fresh = await apis.building.ask("GET", path, bearer=bearer)
        if is_versioned(path):
            cached = await api.ask("GET", path, bearer=bearer)
            assert (cached.status, cached.body) == (fresh.status, fresh.body)
            assert cached.headers.get("ETag") == fresh.headers.get("ETag")
        if fresh.status == 403:  # the call is not known yet, or not any more
            return
        known = self.bodies.setdefault((viewer, path), {})
        tag = fresh.headers["ETag"]
        assert known.setdefault(tag, fresh.body) == fresh.body, "one tag, two bodies"
        for earlier in [*known][0 if all_tags else -2 :]:
            response = await api.ask("GET", path, bearer=bearer, headers={"If-None-Match": earlier})
            if response.status == 304:
                assert known[earlier] == fresh.body, "304 for another body"
                assert (response.body, response.headers["ETag"]) == (b"", earlier)
                self.revalidated += 1
            else:
                assert (response.body, response.headers["ETag"]) == (fresh.body, tag)
                assert earlier != tag, "200 for the current tag"

    async def check_foreign(self, api: ApiClient, viewer: str, path: str) -> None:
        """Assert that a viewer's tag is worth nothing to anyone else."""
        tags = ", ".join([*self.bodies.get((viewer, path), {})][-3:])
        for other, role in (*((user, "user") for user in USERS), ("root", "admin")):
            if tags and other != viewer:
                bearer = token(other, role=role)
                for where in (path, path.replace(viewer, other)):
                    headers = {"If-None-Match": tags}
                    response = await api.ask("GET", where, bearer=bearer, headers=headers)
                    assert response.status in (200, 304, 403)
                    if response.status == 304:
                        # An administrator gets the same body, whose digest may be the tag.
                        assert where == path
                        assert role == "admin"
                        assert not is_versioned(path)


class Play:
    """One ledger, with backups; the API's clock moves when a step says so."""

    def __init__(self, databases: DatabaseCloner, database_url: str, files: Path) -> None:
        self.url = database_url
        self.clock = Clock(NOW)
        self.seen = TaggedBodies()
        self._databases = databases
        self._copies = AsyncExitStack()
        self._backup: str | None = None
        self._files = files
        self._log, self._price = TopicLog(), 0

    @asynccontextmanager
    async def opened(self) -> AsyncIterator[tuple[Apis, BatchWriter]]:
        async with (
            served_from(self.url, now=lambda: self.clock.now) as caching,
            served_from(self.url, options=BUILDING, now=lambda: self.clock.now) as building,
            BatchWriter(self.url) as writer,
        ):
            yield Apis(caching, building), writer

    async def run(self, played: list[Any]) -> None:
        async with self._copies:
            await self._run(played)

    async def _run(self, played: list[Any]) -> None:
        remaining = [*played, "end"]
        while remaining:
            async with self.opened() as (apis, writer):
                while remaining and (step := remaining.pop(0)) not in ("backup", "restore"):
                    await self._step(apis.caching, writer, step)
                    for user, path in OWN:
                        await self.seen.check(apis, user, path, all_tags=False)
                for user, path in OWN:
                    for viewer in (user, "root"):
                        await self.seen.check(apis, viewer, path, all_tags=True)
                    await self.seen.check_foreign(apis.caching, user, path)
            if step == "backup":
                self._backup = await self._copy(self.url)
            elif step == "restore" and self._backup is not None:
                self.url = await self._copy(self._backup)
                async with connected(self.url, name="tests") as connection:
                    await raise_epoch(connection, "restore")

    async def _copy(self, url: str) -> str:
        return await self._copies.enter_async_context(self._databases.copied(url))

    async def _step(self, api: ApiClient, writer: BatchWriter, step: Any) -> None:
        if isinstance(step, dict):
            await writer.record(self._log.batch([step]))
        elif step in ("day", "hour"):
            self.clock.now += timedelta(**{f"{step}s": 1})
        elif step == "processor":
            await writer.record(
                self._log.batch(
                    [charged("elsewhere", "someone", fee="0.1", processor="deepgram", time=NOW)]
                )
            )
        elif step in ("processor priced", "class"):
            await self._enter("cerebras" if step == "class" else "twilio", "talk")
        elif step == "cutoff":
            await self._cut_off()
        elif step == "budget":
            limit = {"dailyLimit_usd": 1 + self._price}
            self._price += 1
            path = f"/api/costs/user/{USERS[0]}/budget"
            await api.ask("PUT", path, bearer=token(USERS[0]), body=limit)
        elif step != "end" and step[0] == "price":
            await self._enter("twilio", "outbound_call")
            scope = RepricingScope(TIMES[0] - timedelta(days=2), NOW)
            await Repricer(self.url).apply(scope)
        elif step != "end" and step[0] == "archive":
            await archive(self.url, self._files, step[1])
        elif step != "end":
            await rebuild(self.url)

    async def _cut_off(self) -> None:
        """Execute the cutoff of a call."""
        self._price += 1
        call, owner = sorted(CALLS.items())[self._price % len(CALLS)]
        await request(self.url, call, user=owner, version=self._price)
        await fetch(
            self.url,
            "UPDATE call_commands SET state = 'executed', ended_at = now() WHERE state = 'pending'",
        )

    async def _enter(self, service: str, operation: str) -> None:
        self._price += 1
        since = TIMES[0] - timedelta(hours=30 - self._price)
        row = a_price(service, f"0.0{self._price:02}", since)
        await add(self.url, row._replace(operation=operation))


@pytest.mark.slow
@pytest.mark.timeout(600)
@settings(
    max_examples=5,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
    phases=[Phase.explicit, Phase.reuse, Phase.generate],
)
@given(chosen=steps, others=extras)
def test_304_means_that_the_body_is_the_one_that_had_the_etag(
    databases: DatabaseCloner,
    tmp_path: Path,
    chosen: list[tuple[Any, ...]],
    others: list[tuple[int, str]],
) -> None:
    played: list[Any] = play(chosen)
    for place, step in others:
        played.insert(place, step)
    with databases.clone() as url:
        playing = Play(databases, url, tmp_path)
        try:
            asyncio.run(playing.run(played))
        finally:
            shutil.rmtree(tmp_path, ignore_errors=True)
    assert playing.seen.revalidated > 0
