"""Refused events reach the dead-letter topic as they came, with the reason; good ones never do."""

import base64
import json
import logging
from datetime import UTC, datetime, timedelta

import pytest

from schemas.topics import CALL_EVENTS
from tests.support.events import Plain, binary, cost, ended, started, structured
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
    ("invalid_json", Sent(structured(cost(time=NOW)).replace(b"twilio", b"\xff"), b"\xff\x00")),
    ("invalid_json", Sent(None, b"tombstone")),
    ("invalid_event", Sent(structured(cost(time=NOW, type="cost.imagined")))),
    ("invalid_event", Sent(structured(cost(time=NOW, type="nul\0in a reason")))),
    ("invalid_event", Sent(structured(cost(time=NOW, usage="NaN")))),
    ("invalid_event", Sent(structured(cost(time=NOW, operation="o" * 256)))),
    ("invalid_event", Sent(structured(cost(time=NOW, metadata={"m": "x" * 8 * KIB})))),
    ("invalid_event", Sent(structured(cost(time=NOW + timedelta(days=1))))),
    ("invalid_event", Sent(structured(cost(time=NOW - timedelta(days=401))))),
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
        headers = [[name, base64.b64encode(value).decode()] for name, value in sent.headers]
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
        async with stage.worker(refused_least=5) as worker:
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


async def test_a_record_as_large_as_the_broker_takes_is_refused_like_any_other(
    stage: Stage,
) -> None:
    """What the reason adds to it must not keep it from the dead-letter topic, or all would stop."""
    largest = Sent(b"x" * (1024 * 1024 - 200), b"key", partition=0)
    good: list[Plain] = [cost(time=NOW)]
    await stage.send([largest, *(Sent(one.value, partition=0) for one in map(Sent.of, good))])
    async with stage.worker() as worker:
        await stage.until_counted(2, worker)
    (letter,) = await stage.dead_letters(1)
    headers = dict(letter.headers)
    assert headers["dlq.error.code"] == b"too_large"
    assert (letter.value, letter.key, "dlq.original.omitted" in headers) == (None, b"key", True)
    ((kept,),) = await fetch(stage.database_url, "SELECT value FROM dead_letters")
    assert kept == largest.value
    assert await read_totals(stage.database_url) == expect(good).totals
