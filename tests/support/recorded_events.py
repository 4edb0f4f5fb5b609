"""Records events as one batch, for tests of reads."""

from collections.abc import Sequence
from typing import Any, NamedTuple

from ledger.calls.rating import Incoming
from ledger.postgres.database import connect
from ledger.prices.price_book import PriceBook
from ledger.recording.batch import Batch
from ledger.recording.offsets import DeadLetter, Stream
from ledger.recording.recorder import Recorder
from tests.support import events
from tests.support.events import Plain


class MinimalRecord(NamedTuple):
    """The fields of a Kafka record that the recorder uses."""

    offset: int
    value: bytes | None
    partition: int = 0
    key: bytes | None = None
    headers: Sequence[tuple[str, bytes | None]] = ()


async def no_letters(letters: Sequence[DeadLetter], size: int, unpriced: Sequence[str]) -> None:
    assert not letters


async def record(database_url: str, plain: list[Plain]) -> None:
    """Record events as one batch."""
    recorder = Recorder(
        lambda: connect(database_url, name="tests"), Stream("c", "t"), PriceBook(), no_letters
    )
    records: list[Any] = [MinimalRecord(n, events.structured(each)) for n, each in enumerate(plain)]
    decoded: list[Incoming] = [events.decoded(each) for each in plain]
    await recorder.record(Batch(decoded, records, next_offsets={0: len(plain)}))
    await recorder.close()


def tts(**more: Any) -> Plain:
    fields = {"service": "elevenlabs", "operation": "tts_streaming", "unit": "characters"}
    return events.cost(**{**fields, "model": "eleven_turbo_v2_5", "usage": 1_000, **more})
