"""Expected repeats leave no error in PostgreSQL's log."""

import asyncio
from datetime import UTC, datetime, timedelta

import pytest

from devkit.embedded.postgres import EmbeddedPostgres
from ledger.postgres.rights import RIGHTS
from ledger.recording import ledger as recording
from ledger.recording.batch import SMALL_BATCH_MAX
from tests.support.events import Plain, cost
from tests.support.logins import as_login
from tests.support.recording import BatchWriter, TopicLog, assert_verified, batch_of, fetch

NOW = datetime.now(UTC).replace(microsecond=0) - timedelta(minutes=1)


class ServerLog:
    """The server's log lines since the creation of this object."""

    def __init__(self, postgres: EmbeddedPostgres) -> None:
        self._path = postgres.directory.with_name(f"{postgres.directory.name}.log")
        self._start = self._path.stat().st_size

    def errors(self) -> list[str]:
        """Return the lines of errors, and of the statements that raised them."""
        lines = self._path.read_bytes()[self._start :].decode(errors="replace").splitlines()
        return [line for line in lines if "ERROR:" in line or "STATEMENT:" in line]


def costs(count: int) -> list[Plain]:
    return [cost(f"call-{number % 9}", time=NOW) for number in range(count)]


@pytest.fixture(autouse=True)
def _skip_lookups_early(monkeypatch: pytest.MonkeyPatch) -> None:
    """Skip the identity lookup after two batches without a repeat."""
    monkeypatch.setattr(recording, "BATCHES_BEFORE_TRUST", 2)


SIZES = pytest.mark.parametrize("size", [10, 300], ids=["inserted", "copied"])


@SIZES
async def test_repeat_logs_no_error(
    postgres: EmbeddedPostgres, database_url: str, size: int
) -> None:
    server_log, log, repeated = ServerLog(postgres), TopicLog(), costs(5)
    async with BatchWriter(
        as_login(database_url, "worker"), copies=size > SMALL_BATCH_MAX
    ) as writer:
        for events in (repeated, costs(size), costs(size)):
            await writer.record(log.batch(events))
        outcome = await writer.record(log.batch([*repeated, *costs(size)]))
    assert (outcome.repeated, outcome.recorded) == (5, size)
    assert server_log.errors() == []
    await assert_verified(database_url)


@SIZES
async def test_parallel_repeats_log_no_error(
    postgres: EmbeddedPostgres, database_url: str, size: int
) -> None:
    server_log, log, url = ServerLog(postgres), TopicLog(), as_login(database_url, "worker")
    async with (
        BatchWriter(url, copies=size > SMALL_BATCH_MAX) as first,
        BatchWriter(url, copies=size > SMALL_BATCH_MAX) as other,
    ):
        for writer in (first, other):
            for _ in range(2):
                await writer.record(log.batch(costs(size)))
        records = [log.append(event) for event in costs(size)]
        outcomes = await asyncio.gather(
            *(writer.record(batch_of(records)) for writer in (first, other))
        )
    assert sorted((each.recorded, each.repeated) for each in outcomes) == [(0, size), (size, 0)]
    assert server_log.errors() == []
    await assert_verified(database_url)


async def test_login_without_the_log_privilege_can_record(
    database_url: str,
) -> None:
    log, repeated = TopicLog(), costs(5)
    rights = RIGHTS["worker"]
    await fetch(database_url, f"REVOKE SET ON PARAMETER log_min_messages FROM {rights}")
    try:
        async with BatchWriter(as_login(database_url, "worker"), copies=True) as writer:
            for events in (repeated, costs(300), costs(300), [*repeated, *costs(300)]):
                outcome = await writer.record(log.batch(events))
    finally:
        await fetch(database_url, f"GRANT SET ON PARAMETER log_min_messages TO {rights}")
    assert (outcome.repeated, outcome.recorded) == (5, 300)
    await assert_verified(database_url)
