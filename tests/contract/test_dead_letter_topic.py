"""Refused events reach the dead-letter topic unchanged, with the reason; valid ones never do."""

import base64
import dataclasses
import json
import logging
from datetime import UTC, datetime, timedelta

import pytest

from ledger.recording.batch import REASON_LENGTH_MAX
from messaging.kafka import make_producer
from schemas.topics import CALL_EVENTS
from tests.support.events import binary, cost, ended, started, structured
from tests.support.expected import expect
from tests.support.recording import assert_verified, fetch, until
from tests.support.streaming import Pipeline, Record, SentRecord
from tests.support.totals import Totals, read_totals

NOW = datetime.now(UTC).replace(microsecond=0) - timedelta(hours=1)
KIB = 1024
GOOD = [started(time=NOW, id="good"), cost(time=NOW, id="twin"), ended(time=NOW)]


def bad_headers() -> SentRecord:
    value, headers = binary(cost(time=NOW))
    return SentRecord(value, b"k", [one for one in headers if one[0] != "ce_id"])


MALFORMED: list[tuple[str, SentRecord]] = [
    (
        "invalid_json",
        SentRecord(structured(cost(time=NOW))[:-9], b"alice", [("trace", b"\x00\xff")]),
    ),
    ("invalid_json", SentRecord(b"{", b"alice", [("empty", b""), ("missing", None)])),
    (
        "invalid_json",
        SentRecord(structured(cost(time=NOW)).replace(b"twilio", b"\xff"), b"\xff\x00"),
    ),
    ("invalid_json", SentRecord(None, b"tombstone")),
    ("invalid_event", SentRecord(structured(cost(time=NOW, type="cost.imagined")))),
    ("invalid_event", SentRecord(structured(cost(time=NOW, type="nul\0in a reason")))),
    ("invalid_event", SentRecord(structured(cost(time=NOW, usage="NaN")))),
    ("invalid_event", SentRecord(structured(cost(time=NOW, operation="o" * 256)))),
    ("invalid_event", SentRecord(structured(cost(time=NOW, metadata={"m": "x" * 8 * KIB})))),
    ("invalid_event", SentRecord(structured(cost(time=NOW + timedelta(days=1))))),
    ("too_old", SentRecord(structured(cost(time=NOW - timedelta(days=401))))),
    ("invalid_event", bad_headers()),
    ("too_large", SentRecord(b"x" * (64 * KIB + 1), b"alice")),
    (
        "invalid_event",
        SentRecord(structured(cost(time=NOW, service="vendor", usage=10**12, unitCost=1))),
    ),
    ("id_conflict", SentRecord(structured(cost(time=NOW, id="twin", usage=2)))),
    ("owner_mismatch", SentRecord(structured(cost(user="mallory", time=NOW)), b"mallory")),
]


async def test_each_malformed_event_is_published_with_its_reason(pipeline: Pipeline) -> None:
    await pipeline.send(SentRecord(one.value, partition=0) for one in map(SentRecord.of, GOOD))
    places = await pipeline.send(
        SentRecord(sent.value, sent.key, sent.headers, partition=0) for _, sent in MALFORMED
    )
    async with pipeline.worker() as worker:
        await pipeline.until_counted(len(GOOD) + len(MALFORMED), worker)
    letters = {offset_of(letter): letter for letter in await pipeline.dead_letters(len(MALFORMED))}
    for place, (code, sent) in zip(places, MALFORMED, strict=True):
        check_letter(letters[place.offset], code, sent)
    assert await read_totals(pipeline.database_url) == expect(GOOD).totals
    await check_kept(pipeline, [place.offset for place in places])


def offset_of(letter: Record) -> int:
    return int(dict(letter.headers)["dlq.original.offset"])


def check_letter(letter: Record, code: str, sent: SentRecord) -> None:
    assert (letter.value, letter.key) == (sent.value, sent.key)
    assert list(letter.headers[: len(sent.headers)]) == list(sent.headers)
    added = dict(letter.headers[len(sent.headers) :])
    assert added.pop("dlq.error.message").decode()
    assert added == {
        "dlq.original.topic": CALL_EVENTS.name.encode(),
        "dlq.original.partition": b"0",
        "dlq.original.offset": added["dlq.original.offset"],
        "dlq.error.code": code.encode(),
    }


async def check_kept(pipeline: Pipeline, places: list[int]) -> None:
    """Assert that the database keeps the same letters, for listing and replay."""
    query = 'SELECT "offset", code, key, value, headers::text FROM dead_letters'
    kept = {row[0]: tuple(row)[1:] for row in await fetch(pipeline.database_url, query)}
    assert kept.keys() == set(places)
    for offset, (code, sent) in zip(places, MALFORMED, strict=True):
        headers = [
            [name, value if value is None else base64.b64encode(value).decode()]
            for name, value in sent.headers
        ]
        assert kept[offset][:3] == (code, sent.key, sent.value)
        assert json.loads(kept[offset][3]) == headers
    counts = "SELECT code, count(*) FROM dead_letters GROUP BY 1"
    codes = [code for code, _ in MALFORMED]
    assert {row[0]: row[1] for row in await fetch(pipeline.database_url, counts)} == {
        code: codes.count(code) for code in codes
    }


async def test_stream_stops_while_most_events_have_no_price(
    pipeline: Pipeline, caplog: pytest.LogCaptureFixture
) -> None:
    """A missing price list must not go unnoticed; the events count once it is there."""
    events = [cost(service="vendor", time=NOW) for _ in range(100)]
    await pipeline.send(SentRecord(one.value, partition=0) for one in map(SentRecord.of, events))
    with caplog.at_level(logging.WARNING):
        async with pipeline.worker(refused_min=5) as worker:
            await until(lambda: _has_retried(caplog, times=2))
            assert not worker.done()
            assert await read_totals(pipeline.database_url) == Totals()
            assert await fetch(pipeline.database_url, "SELECT FROM dead_letters") == []
            await fetch(
                pipeline.database_url,
                """INSERT INTO service_prices (service, class, operation, unit, price_usd,
                                               effective_from, source, set_by)
                   VALUES ('vendor', 'api', 'voice', 'minutes', 0.5, $1, 'list', 'tests')""",
                NOW - timedelta(days=1),
            )
            await pipeline.until_counted(len(events), worker)
    assert await pipeline.dead_letters(0) == []
    totals = await read_totals(pipeline.database_url)
    assert totals.calls["call-1"].costs[NOW.date().isoformat(), "vendor"] == 50 * 10**9
    await assert_verified(pipeline.database_url)


async def _has_retried(caplog: pytest.LogCaptureFixture, times: int) -> bool:
    retries = [
        record for record in caplog.records if getattr(record, "action", "") == "batch_retry"
    ]
    return len(retries) >= times and "refused" in retries[-1].getMessage()


MAXIMA = KIB * KIB - 300
"""Nearly the record limit of a topic, without the rest of the record."""


@pytest.mark.parametrize(
    ("code", "sent", "key"),
    [
        pytest.param("too_large", SentRecord(b"x" * MAXIMA, b"key"), b"key", id="value"),
        pytest.param("too_large", SentRecord(b"x" * MAXIMA), None, id="value without key"),
        pytest.param("invalid_json", SentRecord(b"{", b"k" * MAXIMA), None, id="key"),
        pytest.param(
            "invalid_json", SentRecord(b"{", b"k", [("n" * MAXIMA, b"")]), b"k", id="name"
        ),
        pytest.param(
            "invalid_json",
            SentRecord(b"{", b"k", [("n", b"")] * (MAXIMA // 3)),
            b"k",
            id="many headers",
        ),
    ],
)
async def test_record_of_maximum_size_is_refused_like_any_other(
    pipeline: Pipeline, code: str, sent: SentRecord, key: bytes | None
) -> None:
    """With the reason added it must still fit the dead-letter topic, or the stream would stop."""
    await pipeline.send([dataclasses.replace(sent, partition=0)])
    await pipeline.send([dataclasses.replace(SentRecord.of(cost(time=NOW)), partition=0)])
    async with pipeline.worker() as worker:
        await pipeline.until_counted(2, worker)
    (letter,) = await pipeline.dead_letters(1)
    assert (letter.key, letter.value) == (key, b"")
    assert [name for name, _ in letter.headers][-2:] == [
        "dlq.error.message",
        "dlq.original.omitted",
    ]
    assert dict(letter.headers)["dlq.error.code"] == code.encode()
    assert len(letter.headers) == 6
    ((kept, value, headers),) = await fetch(
        pipeline.database_url, "SELECT key, value, headers::text FROM dead_letters"
    )
    assert (kept, value) == (sent.key, sent.value)
    assert [name for name, _ in json.loads(headers)] == [name for name, _ in sent.headers]
    assert await read_totals(pipeline.database_url) == expect([cost(time=NOW)]).totals


async def test_long_values_are_truncated_in_the_reason(pipeline: Pipeline) -> None:
    """The quoted value and the original together would exceed the limit of the topic."""
    headers = [("ce_specversion", b"9" * 600_000)]
    await pipeline.send([SentRecord(b"{}", b"k", headers, partition=0)])
    async with pipeline.worker() as worker:
        await pipeline.until_counted(1, worker)
    (letter,) = await pipeline.dead_letters(1)
    assert (letter.key, letter.value, letter.headers[0]) == (b"k", b"{}", headers[0])
    quoted = dict(letter.headers)["dlq.error.message"].decode()
    assert len(quoted) == REASON_LENGTH_MAX
    rows = await fetch(pipeline.database_url, "SELECT message FROM dead_letters")
    assert [row[0] for row in rows] == [quoted]


async def test_record_without_key_and_value_is_kept(pipeline: Pipeline) -> None:
    """Other clients can send records without key and value."""
    producer = make_producer(pipeline.kafka)
    await producer.start()
    try:
        batch = producer.create_batch()
        batch.append(timestamp=None, key=None, value=None)
        await (await producer.send_batch(batch, CALL_EVENTS.name, partition=0))
    finally:
        await producer.stop()
    async with pipeline.worker() as worker:
        await pipeline.until_counted(1, worker)
    (letter,) = await pipeline.dead_letters(1)
    assert (letter.key, letter.value) == (None, b"")
    rows = await fetch(pipeline.database_url, "SELECT code, key, value FROM dead_letters")
    assert [tuple(row) for row in rows] == [("invalid_json", None, None)]
