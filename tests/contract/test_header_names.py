"""A header name is bytes for a broker: one that is not UTF-8 is refused and stops nothing."""

from datetime import UTC, datetime, timedelta

import pytest

from tests.support.events import Plain, cost, structured
from tests.support.expected import expect
from tests.support.header_names import RawHeaderName, let_producers_send_them
from tests.support.recording import assert_verified, fetch
from tests.support.streaming import Pipeline, SentRecord
from tests.support.totals import read_totals

NOW = datetime.now(UTC).replace(microsecond=0) - timedelta(hours=1)
NAME, WRITTEN_OUT = RawHeaderName(b"tra\xffce"), "tra\\xffce"


async def test_invalid_header_name_makes_a_dead_letter_and_other_records_count(
    pipeline: Pipeline, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Neighbours in its batch, before and after it, and in other partitions."""
    good: list[Plain] = [cost(f"call-{number}", time=NOW) for number in range(80)]
    poison = structured(cost("poison", time=NOW))
    records = [SentRecord(structured(one), partition=n % 4) for n, one in enumerate(good)]
    records[40:40] = [SentRecord(poison, b"key", [(NAME, b"1")], partition=2)]
    with monkeypatch.context() as patch:
        let_producers_send_them(patch)
        place = (await pipeline.send(records))[40]
    async with pipeline.worker() as worker:
        await pipeline.until_counted(len(records), worker)
    (letter,) = await pipeline.dead_letters(1)
    headers = dict(letter.headers)
    assert (letter.value, letter.key, headers[WRITTEN_OUT]) == (poison, b"key", b"1")
    assert headers["dlq.error.code"] == b"invalid_json"
    query = 'SELECT code, "partition", "offset", value FROM dead_letters'
    (kept,) = await fetch(pipeline.database_url, query)
    assert tuple(kept) == ("invalid_json", place.partition, place.offset, poison)
    assert (place.partition, place.offset > 0) == (2, True)
    assert await read_totals(pipeline.database_url) == expect(good).totals
    await assert_verified(pipeline.database_url)
