"""Sends refused records to the dead-letter topic, acknowledged, before their offset moves.

If most of a large batch is refused or has no price, the cause is probably not the emitters but an
empty catalogue, for instance, or a bad release. Refusing the batch would lose good events, so it is
not recorded but retried until the cause is fixed.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Awaitable, Sequence
from dataclasses import dataclass
from typing import Any, Final

from ledger.recording.offsets import DeadLetter, Stream, headers_of
from messaging.producer import RecoveringProducer, record_size
from schemas.topics import (
    DEAD_LETTERS,
    ERROR_CODE,
    ERROR_MESSAGE,
    ORIGINAL_OFFSET,
    ORIGINAL_OMITTED,
    ORIGINAL_PARTITION,
    ORIGINAL_TOPIC,
)

DEAD_LETTER_BYTES_MAX: Final = 900_000
"""Only the database stores larger records completely; topics allow a megabyte by default."""

_EMITTER_FAULTS: Final[frozenset[str]] = frozenset(("invalid_json", "too_large"))


class TooManyRefusedError(Exception):
    """Most of a batch was refused or has no price; it is not recorded until that changes."""


@dataclass(frozen=True, slots=True)
class RefusalLimit:
    """A batch stops the stream if at least `records_min` records and `percent` of it are refused.

    Events without a price count as refused, although they would be recorded. Invalid JSON and too
    large records do not count: only emitters cause them, and one emitter must not be able to stop
    the others. A percentage of 0 turns the limit off.
    """

    percent: int
    records_min: int = 1000

    def check(
        self, dead_letters: Sequence[DeadLetter], batch_size: int, unpriced: Sequence[str] = ()
    ) -> None:
        """Raise TooManyRefusedError, with the reasons, if the limit is reached.

        `unpriced` has a sentence for each event of the batch that has no price.
        """
        counted = [
            (dead_letter.code, dead_letter.message)
            for dead_letter in dead_letters
            if dead_letter.code not in _EMITTER_FAULTS
        ]
        size = batch_size - len(dead_letters) + len(counted)
        counted += [("unpriced", sentence) for sentence in unpriced]
        refused = len(counted)
        if not self.percent or refused < self.records_min or refused * 100 < size * self.percent:
            return
        codes = ", ".join(f"{n} {code}" for code, n in Counter(code for code, _ in counted).items())
        raise TooManyRefusedError(
            f"{refused} of {size} events of one batch would be refused or have no price ({codes}; "
            f"such as: {counted[0][1]}), so consumption has stopped. Fix the cause, or start the "
            "worker with WORKER_REFUSAL_STOP_PERCENT=0 to refuse them, and to record those without "
            "a price at 0."
        )


class DeadLetterTopic:
    """Publishes dead letters with the original bytes, headers and the reason."""

    def __init__(self, producer: RecoveringProducer, stream: Stream, limit: RefusalLimit) -> None:
        """`stream` is where the dead letters come from."""
        self._producer = producer
        self._stream = stream
        self._limit = limit

    async def acknowledge(
        self, dead_letters: Sequence[DeadLetter], batch_size: int, unpriced: Sequence[str]
    ) -> None:
        """Send dead letters and wait for their acknowledgement.

        `unpriced` has a sentence for each event of the batch without a price. Raises
        TooManyRefusedError, KafkaError or TimeoutError; sending them again is harmless.
        """
        self._limit.check(dead_letters, batch_size, unpriced)
        sent = [await self._send(dead_letter) for dead_letter in dead_letters]
        await self._producer.wait_in_time(asyncio.gather(*sent))

    async def _send(self, dead_letter: DeadLetter) -> Awaitable[Any]:
        """Send a dead letter; without its contents if they are too large for the topic.

        A record may be as large as its topic allows, and the reason makes it larger. Clients cannot
        send a record without key and value, so then its value is empty.
        """
        reason = self._reason(dead_letter)
        key, value = dead_letter.key, dead_letter.value
        headers = [*headers_of(dead_letter.headers), *reason]
        if record_size(key, value, headers) > DEAD_LETTER_BYTES_MAX:
            value, headers = b"", [*reason, (ORIGINAL_OMITTED, b"too large")]
        if record_size(key, value, headers) > DEAD_LETTER_BYTES_MAX:
            key = None
        if key is None and value is None:
            value = b""
        return await self._producer.send(DEAD_LETTERS.name, key=key, value=value, headers=headers)

    def _reason(self, dead_letter: DeadLetter) -> list[tuple[str, bytes | None]]:
        """Return the headers that say where a record comes from, and why it is refused."""
        return [
            (ORIGINAL_TOPIC, self._stream.topic.encode()),
            (ORIGINAL_PARTITION, str(dead_letter.partition).encode()),
            (ORIGINAL_OFFSET, str(dead_letter.offset).encode()),
            (ERROR_CODE, dead_letter.code.encode()),
            (ERROR_MESSAGE, dead_letter.message.encode()),
        ]
