"""Records events as one batch, for tests of reads."""

from collections.abc import Sequence
from typing import Any

from ledger.calls.rating import Incoming
from ledger.postgres.database import connect
from ledger.prices.price_book import PriceBook
from ledger.recording.batch import Batch, ReceivedRecord
from ledger.recording.offsets import DeadLetter, Stream
from ledger.recording.recorder import Recorder
from tests.support import events
from tests.support.events import Plain
from tests.support.recording import ConsumedRecord


async def no_letters(letters: Sequence[DeadLetter], size: int, unpriced: Sequence[str]) -> None:
    assert not letters


async def record(database_url: str, plain: list[Plain]) -> None:
    """Record events as one batch."""
    recorder = Recorder(
        lambda: connect(database_url, name="tests"), Stream("c", "t"), PriceBook(), no_letters
    )
    records: list[ReceivedRecord] = [
        ConsumedRecord(0, number, events.structured(each)) for number, each in enumerate(plain)
    ]
    decoded: list[Incoming] = [events.decoded(each) for each in plain]
    await recorder.record(Batch(decoded, records, next_offsets={0: len(plain)}))
    await recorder.close()


def tts(**more: Any) -> Plain:
    fields = {"service": "elevenlabs", "operation": "tts_streaming", "unit": "characters"}
    return events.cost(**{**fields, "model": "eleven_turbo_v2_5", "usage": 1_000, **more})
