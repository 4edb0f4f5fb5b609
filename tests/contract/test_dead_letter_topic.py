"""Refused events reach the dead-letter topic as they came, with the reason; good ones never do."""

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
from tests.support.streaming import Record, Sent, Stage
from tests.support.totals import Totals, read_totals

NOW = datetime.now(UTC).replace(microsecond=0) - timedelta(hours=1)
KIB = 1024
GOOD = [started(time=NOW, id="good"), cost(time=NOW, id="twin"), ended(time=NOW)]


def bad_headers() -> Sent:
    value, headers = binary(cost(time=NOW))
    return Sent(value, b"k", [one for one in headers if one[0] != "ce_id"])


MALFORMED: list[tuple[str, Sent]] = [
    ("invalid_json", Sent(structured(cost(time=NOW))[:-9], b"alice", [("trace", b"\x00\xff")])),
    ("invalid_json", Sent(b"{", b"alice", [("empty", b""), ("missing", None)])),
    ("invalid_json", Sent(structured(cost(time=NOW)).replace(b"twilio", b"\xff"), b"\xff\x00")),
    ("invalid_json", Sent(None, b"tombstone")),
    ("invalid_event", Sent(structured(cost(time=NOW, type="cost.imagined")))),
    ("invalid_event", Sent(structured(cost(time=NOW, type="nul\0in a reason")))),
    ("invalid_event", Sent(structured(cost(time=NOW, usage="NaN")))),
    ("invalid_event", Sent(structured(cost(time=NOW, operation="o" * 256)))),
    ("invalid_event", Sent(structured(cost(time=NOW, metadata={"m": "x" * 8 * KIB})))),
    ("invalid_event", Sent(structured(cost(time=NOW + timedelta(days=1))))),
    ("too_old", Sent(structured(cost(time=NOW - timedelta(days=401))))),
    ("invalid_event", bad_headers()),
    ("too_large", Sent(b"x" * (64 * KIB + 1), b"alice")),
    ("unknown_price", Sent(structured(cost(time=NOW, service="vendor")))),
    ("id_conflict", Sent(structured(cost(time=NOW, id="twin", usage=2)))),
    ("owner_mismatch", Sent(structured(cost(user="mallory", time=NOW)), b"mallory")),
]


async def test_every_malformed_event_is_found_there_with_its_reason(stage: Stage) -> None:
    await stage.send(Sent(one.value, partition=0) for one in map(Sent.of, GOOD))
    places = await stage.send(
        Sent(sent.value, sent.key, sent.headers, partition=0) for _, sent in MALFORMED
    )
    async with stage.worker() as worker:
        await stage.until_counted(len(GOOD) + len(MALFORMED), worker)
    letters = {offset_of(letter): letter for letter in await stage.dead_letters(len(MALFORMED))}
    for place, (code, sent) in zip(places, MALFORMED, strict=True):
        check_letter(letters[place.offset], code, sent)
    assert await read_totals(stage.database_url) == expect(GOOD).totals
    await check_kept(stage, [place.offset for place in places])


def offset_of(letter: Record) -> int:
    return int(dict(letter.headers)["dlq.original.offset"])


def check_letter(letter: Record, code: str, sent: Sent) -> None:
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


async def check_kept(stage: Stage, places: list[int]) -> None:
    """The database keeps the same letters, to be listed and sent again from there."""
    query = 'SELECT "offset", code, key, value, headers::text FROM dead_letters'
    kept = {row[0]: tuple(row)[1:] for row in await fetch(stage.database_url, query)}
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
    assert {row[0]: row[1] for row in await fetch(stage.database_url, counts)} == {
        code: codes.count(code) for code in codes
    }


async def test_where_most_is_refused_the_stream_stops_until_it_is_mended(
    stage: Stage, caplog: pytest.LogCaptureFixture
) -> None:
    """A missing price list must not drain good events; once it is there they count."""
    events = [cost(service="vendor", time=NOW) for _ in range(100)]
    await stage.send(Sent(one.value, partition=0) for one in map(Sent.of, events))
    with caplog.at_level(logging.WARNING):
        async with stage.worker(refused_min=5) as worker:
            await until(lambda: _tried_again(caplog, times=2))
            assert not worker.done()
            assert await read_totals(stage.database_url) == Totals()
            assert await fetch(stage.database_url, "SELECT FROM dead_letters") == []
            await fetch(
                stage.database_url,
                """INSERT INTO service_prices (service, class, operation, unit, price_usd,
                                               effective_from, source, set_by)
                   VALUES ('vendor', 'api', 'voice', 'minutes', 0.5, $1, 'list', 'tests')""",
                NOW - timedelta(days=1),
            )
            await stage.until_counted(len(events), worker)
    assert await stage.dead_letters(0) == []
    totals = await read_totals(stage.database_url)
    assert totals.calls["call-1"].costs[NOW.date().isoformat(), "vendor"] == 50 * 10**9
    await assert_verified(stage.database_url)


async def _tried_again(caplog: pytest.LogCaptureFixture, times: int) -> bool:
    said = [record for record in caplog.records if getattr(record, "action", "") == "batch_retry"]
    return len(said) >= times and "refused" in said[-1].getMessage()


MAXIMA = KIB * KIB - 300
"""About as much as a topic takes, with what is around it."""


@pytest.mark.parametrize(
    ("code", "sent", "key"),
    [
        pytest.param("too_large", Sent(b"x" * MAXIMA, b"key"), b"key", id="value"),
        pytest.param("too_large", Sent(b"x" * MAXIMA), None, id="value without key"),
        pytest.param("invalid_json", Sent(b"{", b"k" * MAXIMA), None, id="key"),
        pytest.param("invalid_json", Sent(b"{", b"k", [("n" * MAXIMA, b"")]), b"k", id="name"),
        pytest.param(
            "invalid_json", Sent(b"{", b"k", [("n", b"")] * (MAXIMA // 3)), b"k", id="many headers"
        ),
    ],
)
async def test_a_record_as_large_as_the_broker_takes_is_refused_like_any_other(
    stage: Stage, code: str, sent: Sent, key: bytes | None
) -> None:
    """What the reason adds to it must not keep it from the dead-letter topic, or all would stop."""
    await stage.send([dataclasses.replace(sent, partition=0)])
    await stage.send([dataclasses.replace(Sent.of(cost(time=NOW)), partition=0)])
    async with stage.worker() as worker:
        await stage.until_counted(2, worker)
    (letter,) = await stage.dead_letters(1)
    assert (letter.key, letter.value) == (key, b"")
    assert [name for name, _ in letter.headers][-2:] == [
        "dlq.error.message",
        "dlq.original.omitted",
    ]
    assert dict(letter.headers)["dlq.error.code"] == code.encode()
    assert len(letter.headers) == 6
    ((kept, value, headers),) = await fetch(
        stage.database_url, "SELECT key, value, headers::text FROM dead_letters"
    )
    assert (kept, value) == (sent.key, sent.value)
    assert [name for name, _ in json.loads(headers)] == [name for name, _ in sent.headers]
    assert await read_totals(stage.database_url) == expect([cost(time=NOW)]).totals


async def test_a_reason_quotes_what_was_sent_in_part(stage: Stage) -> None:
    """Its quote and the original together would be more than a topic takes."""
    headers = [("ce_specversion", b"9" * 600_000)]
    await stage.send([Sent(b"{}", b"k", headers, partition=0)])
    async with stage.worker() as worker:
        await stage.until_counted(1, worker)
    (letter,) = await stage.dead_letters(1)
    assert (letter.key, letter.value, letter.headers[0]) == (b"k", b"{}", headers[0])
    quoted = dict(letter.headers)["dlq.error.message"].decode()
    assert len(quoted) == REASON_LENGTH_MAX
    rows = await fetch(stage.database_url, "SELECT message FROM dead_letters")
    assert [row[0] for row in rows] == [quoted]


async def test_a_record_with_nothing_in_it(stage: Stage) -> None:
    """Other clients send what ours does not: neither key nor value."""
    producer = make_producer(stage.kafka)
    await producer.start()
    try:
        batch = producer.create_batch()
        batch.append(timestamp=None, key=None, value=None)
        await (await producer.send_batch(batch, CALL_EVENTS.name, partition=0))
    finally:
        await producer.stop()
    async with stage.worker() as worker:
        await stage.until_counted(1, worker)
    (letter,) = await stage.dead_letters(1)
    assert (letter.key, letter.value) == (None, b"")
    rows = await fetch(stage.database_url, "SELECT code, key, value FROM dead_letters")
    assert [tuple(row) for row in rows] == [("invalid_json", None, None)]
