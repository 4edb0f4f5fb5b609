"""To a broker the name of a header is bytes: one that is no text is refused, and stops nothing."""

from datetime import UTC, datetime, timedelta

import pytest

from tests.support.events import Plain, cost, structured
from tests.support.expected import expect
from tests.support.header_names import RawName, let_producers_send_them
from tests.support.recording import assert_verified, fetch
from tests.support.streaming import Sent, Stage
from tests.support.totals import read_totals

NOW = datetime.now(UTC).replace(microsecond=0) - timedelta(hours=1)
NAME, WRITTEN_OUT = RawName(b"tra\xffce"), "tra\\xffce"


async def test_its_record_is_a_dead_letter_and_its_neighbours_count(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Those of its own batch, before and after it, and those of other partitions."""
    good: list[Plain] = [cost(f"call-{number}", time=NOW) for number in range(80)]
    poison = structured(cost("poison", time=NOW))
    records = [Sent(structured(one), partition=n % 4) for n, one in enumerate(good)]
    records[40:40] = [Sent(poison, b"key", [(NAME, b"1")], partition=2)]
    with monkeypatch.context() as patch:
        let_producers_send_them(patch)
        place = (await stage.send(records))[40]
    async with stage.worker() as worker:
        await stage.until_counted(len(records), worker)
    (letter,) = await stage.dead_letters(1)
    headers = dict(letter.headers)
    assert (letter.value, letter.key, headers[WRITTEN_OUT]) == (poison, b"key", b"1")
    assert headers["dlq.error.code"] == b"invalid_json"
    query = 'SELECT code, "partition", "offset", value FROM dead_letters'
    (kept,) = await fetch(stage.database_url, query)
    assert tuple(kept) == ("invalid_json", place.partition, place.offset, poison)
    assert (place.partition, place.offset > 0) == (2, True)
    assert await read_totals(stage.database_url) == expect(good).totals
    await assert_verified(stage.database_url)
