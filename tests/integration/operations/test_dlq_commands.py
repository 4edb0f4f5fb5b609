"""`dlq`: refused events are listed and sent again exactly as received."""

import json
from base64 import b64encode
from collections.abc import AsyncIterator, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from devkit.embedded.tansu import EmbeddedTansu
from ledger.operations.dead_letters import (
    PAGE_ROWS,
    list_refusals,
    mark_replayed,
    pending_pages,
)
from ledger.postgres.database import Connection, connected
from ledger.recording.offsets import DeadLetter, Stream, record_dead_letters
from schemas.topics import CALL_EVENTS
from tests.support.background_loop import BackgroundLoop
from tests.support.command import run_command
from tests.support.events import cost, structured
from tests.support.recording import BatchWriter, TopicLog, assert_verified
from tests.support.topics import read_records

BYTES = b'\x00\xff{"not": json\x1b[31m'
STREAM = Stream("a cluster", CALL_EVENTS.name)


@pytest.fixture
def own_broker(background: BackgroundLoop, tmp_path: Path) -> Iterator[EmbeddedTansu]:
    """A broker with topics that only this module uses."""
    server = EmbeddedTansu(tmp_path / "tansu")
    background.run(server.start())
    yield server
    background.run(server.stop())


@pytest.fixture
def values(database_url: str, own_broker: EmbeddedTansu) -> dict[str, str]:
    return {
        "DATABASE_URL": database_url,
        "KAFKA_BOOTSTRAP_SERVERS": own_broker.bootstrap,
        "KAFKA_IDEMPOTENT": "false",
    }


@pytest.fixture
async def connection(database_url: str) -> AsyncIterator[Connection]:
    async with connected(database_url, name="test") as opened:
        yield opened


async def refuse(connection: Connection, count: int, code: str = "invalid_json") -> None:
    headers = json.dumps(
        [["ce_id", b64encode(b"\xfe\x00").decode()], ["ce_id", ""], ["trace", None]]
    )
    start = await connection.fetchval("SELECT count(*) FROM dead_letters")
    letters = [
        DeadLetter(1, start + number, code, "It is\nno JSON.", b"k\xff", BYTES, headers)
        for number in range(count)
    ]
    await record_dead_letters(connection, STREAM, letters)


async def pending(connection: Connection) -> int:
    return int(
        await connection.fetchval("SELECT count(*) FROM dead_letters WHERE replayed_at IS NULL")
    )


def test_empty_list_is_reported(values: dict[str, str], tmp_path: Path) -> None:
    done = run_command("dlq", "list", values=values, cwd=tmp_path)
    assert (done.returncode, done.stdout) == (0, "No event was refused.\n")
    again = run_command("dlq", "replay", values=values, cwd=tmp_path)
    assert (again.returncode, again.stdout) == (0, "Sent 0 events again.\n")


async def test_list_shows_refused_events(
    values: dict[str, str], tmp_path: Path, connection: Connection
) -> None:
    await refuse(connection, 130)
    await refuse(connection, 2, "unknown_price")
    done = run_command("dlq", "list", values=values, cwd=tmp_path)
    assert done.returncode == 0
    assert "130  invalid_json" in done.stdout
    assert "2  unknown_price" in done.stdout
    assert done.stdout.count(" partition 1 offset ") == 20
    assert "\x1b" not in done.stdout
    assert "invalid_json: It is·no JSON." in done.stdout
    words = ["dlq", "list", "--limit", "1000", "--code", "unknown_price"]
    assert run_command(*words, values=values, cwd=tmp_path).stdout.count(" offset ") == 2
    more = run_command("dlq", "list", "--limit", "1000", values=values, cwd=tmp_path)
    assert more.stdout.count(" offset ") == 132


async def test_replay_sends_the_original_and_marks_it(
    values: dict[str, str], tmp_path: Path, connection: Connection
) -> None:
    await refuse(connection, 230)
    done = run_command("dlq", "replay", values=values, cwd=tmp_path)
    assert (done.returncode, done.stdout) == (0, "Sent 230 events again.\n")
    records = await read_records(values["KAFKA_BOOTSTRAP_SERVERS"], CALL_EVENTS.name, 230)
    assert {(record.key, record.value) for record in records} == {(b"k\xff", BYTES)}
    assert records[0].headers == (("ce_id", b"\xfe\x00"), ("ce_id", b""), ("trace", None))
    assert await pending(connection) == 0
    again = run_command("dlq", "replay", values=values, cwd=tmp_path)
    assert again.stdout == "Sent 0 events again.\n"
    listed = run_command("dlq", "list", values=values, cwd=tmp_path).stdout
    assert "0 not sent again" in listed
    assert " offset " not in listed
    assert "sent again" in run_command("dlq", "list", "--all", values=values, cwd=tmp_path).stdout


async def test_replay_sends_records_without_key_or_value(
    values: dict[str, str], tmp_path: Path, connection: Connection
) -> None:
    """Such a record cannot be sent unchanged, and must not block the others."""
    nothing = DeadLetter(1, 0, "invalid_json", "The record has no value.", None, None, "[]")
    await record_dead_letters(connection, STREAM, [nothing])
    await refuse(connection, 1)
    done = run_command("dlq", "replay", values=values, cwd=tmp_path)
    assert (done.returncode, done.stdout) == (0, "Sent 2 events again.\n")
    records = await read_records(values["KAFKA_BOOTSTRAP_SERVERS"], CALL_EVENTS.name, 2)
    assert {(one.key, one.value) for one in records} == {(None, b""), (b"k\xff", BYTES)}
    assert await pending(connection) == 0


async def test_records_of_the_same_offset_are_distinguished(
    values: dict[str, str], tmp_path: Path, connection: Connection
) -> None:
    """A recreated log reuses offsets. Recording a repeat adds nothing."""
    first = DeadLetter(1, 0, "invalid_json", "It is no JSON.", b"k", BYTES, "[]")
    others = [
        first._replace(key=None),
        first._replace(key=b""),
        first._replace(value=None),
        first._replace(value=None, key=BYTES),
        first._replace(key=None, value=b"k"),
        first._replace(headers='[["name", ""]]'),
    ]
    await record_dead_letters(connection, STREAM, [first])
    pages = pending_pages(connection, code=None, limit=None)
    (sent,) = await anext(pages)
    for _ in range(2):
        await record_dead_letters(connection, STREAM, [first, *others])
    assert await mark_replayed(connection, [sent.origin]) == 1
    assert await pending(connection) == len(others)
    listed = run_command("dlq", "list", values=values, cwd=tmp_path).stdout
    assert listed.count(" partition 1 offset 0, ") == len(others)
    done = run_command("dlq", "replay", values=values, cwd=tmp_path)
    assert (done.returncode, done.stdout) == (0, f"Sent {len(others)} events again.\n")
    assert await pending(connection) == 0


async def test_records_of_the_same_offset_are_paged(connection: Connection) -> None:
    """All were refused at the same time: a page ends between two of them."""
    first = DeadLetter(1, 0, "invalid_json", "It is no JSON.", b"k", BYTES, "[]")
    count = 2 * PAGE_ROWS + 1
    letters = [first._replace(key=b"%d" % number) for number in range(count)]
    await record_dead_letters(connection, STREAM, letters)
    pages = [page async for page in pending_pages(connection, code=None, limit=None)]
    assert {one.key for page in pages for one in page} == {one.key for one in letters}
    assert sum(map(len, pages)) == count
    listed = list_refusals(connection, code=None, include_replayed=False)
    assert len({refusal.origin async for refusal in listed}) == count


async def test_replay_skips_records_that_are_too_large(
    values: dict[str, str], tmp_path: Path, connection: Connection
) -> None:
    """The record came compressed, and must not block the others."""
    large = DeadLetter(1, 0, "too_large", "The event is large.", b"k", b"x" * 3 * 2**20, "[]")
    await record_dead_letters(connection, STREAM, [large])
    await refuse(connection, 1)
    done = run_command("dlq", "replay", values=values, cwd=tmp_path)
    result = "Sent 1 events again. 1 are too large for the topic and were not sent.\n"
    assert (done.returncode, done.stdout) == (0, result)
    assert await pending(connection) == 1


async def test_replay_can_be_restricted(
    values: dict[str, str], tmp_path: Path, connection: Connection
) -> None:
    await refuse(connection, 5)
    await refuse(connection, 3, "unknown_price")
    dry = run_command(
        "dlq", "replay", "--dry-run", "--code", "unknown_price", values=values, cwd=tmp_path
    )
    assert dry.stdout == "3 events would be sent again.\n"
    assert await pending(connection) == 8
    words = ["dlq", "replay", "--code", "unknown_price", "--limit", "2"]
    assert run_command(*words, values=values, cwd=tmp_path).stdout == "Sent 2 events again.\n"
    assert await pending(connection) == 6
    assert (
        await connection.fetchval(
            "SELECT count(*) FROM dead_letters WHERE code = 'unknown_price' AND replayed_at IS NULL"
        )
        == 1
    )


async def test_event_that_an_earlier_release_refused_without_a_price_counts_after_its_replay(
    values: dict[str, str], tmp_path: Path, connection: Connection
) -> None:
    unpriced = cost(service="vendor", time=datetime.now(UTC) - timedelta(hours=1))
    letter = DeadLetter(0, 7, "unknown_price", "No price.", b"alice", structured(unpriced), "[]")
    await record_dead_letters(connection, STREAM, [letter])
    done = run_command("dlq", "replay", "--code", "unknown_price", values=values, cwd=tmp_path)
    assert (done.returncode, done.stdout) == (0, "Sent 1 events again.\n")
    [record] = await read_records(values["KAFKA_BOOTSTRAP_SERVERS"], CALL_EVENTS.name, 1)
    assert record.value is not None
    async with BatchWriter(values["DATABASE_URL"]) as writer:
        outcome = await writer.record(TopicLog().batch([record.value]))
    assert (outcome.recorded, outcome.unpriced, outcome.refused) == (1, 1, {})
    await assert_verified(values["DATABASE_URL"])


async def test_unacknowledged_replay_marks_nothing(
    values: dict[str, str], tmp_path: Path, connection: Connection
) -> None:
    await refuse(connection, 3)
    unreachable = values | {"KAFKA_BOOTSTRAP_SERVERS": "127.0.0.1:1"}
    done = run_command("dlq", "replay", values=unreachable, cwd=tmp_path)
    assert done.returncode == 1
    assert "Kafka at 127.0.0.1:1: it cannot be reached" in done.stderr
    assert await pending(connection) == 3


async def test_database_without_a_schema_is_reported(
    values: dict[str, str], tmp_path: Path, connection: Connection
) -> None:
    await connection.execute("DROP TABLE dead_letters")
    done = run_command("dlq", "list", values=values, cwd=tmp_path)
    assert done.returncode == 1
    assert "cost-analytics migrate" in done.stderr
