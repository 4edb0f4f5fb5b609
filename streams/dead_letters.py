"""Refused records go to the dead-letter topic, acknowledged, before their offset may move.

There is a limit: where most of a large batch is refused, the fault is more likely ours than the
emitters' (an empty catalogue, a bad release), and refusing on would drain good events. Then the
batch is not recorded, and retried until the fault is fixed.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Awaitable, Sequence
from dataclasses import dataclass
from typing import Any, Final

from ledger.recording.offsets import DeadLetter, Stream, headers_of
from messaging.producer import RecoveringProducer, record_size
from schemas.topics import DEAD_LETTERS

LETTER_BYTES_MAX: Final = 900_000
"""Above this only the database keeps a refused record whole; topics take a megabyte by default."""

_SURELY_THE_EMITTERS: Final[frozenset[str]] = frozenset(("invalid_json", "too_large"))


class TooManyRefusedError(Exception):
    """Most of a batch was refused; nothing of it is recorded until that changes."""


@dataclass(frozen=True, slots=True)
class RefusalLimit:
    """A batch stops the stream when at least `least` records and `percent` of it are refused.

    What is no JSON, or too large, is left aside: no fault of ours makes it so, and one emitter must
    not be able to stop the others. A percentage of 0 switches the limit off.
    """

    least: int = 1000
    percent: int = 50

    def check(self, letters: Sequence[DeadLetter], batch_size: int) -> None:
        """Raise TooManyRefusedError, which says why they were refused, where it is reached."""
        judged = [letter for letter in letters if letter.code not in _SURELY_THE_EMITTERS]
        refused, size = len(judged), batch_size - len(letters) + len(judged)
        if not self.percent or refused < self.least or refused * 100 < size * self.percent:
            return
        codes = ", ".join(f"{n} {code}" for code, n in Counter(x.code for x in judged).items())
        raise TooManyRefusedError(
            f"{refused} of {size} events of one batch would be refused ({codes}; such as: "
            f"{judged[0].message}) and consumption waits. Mend the cause, or start the worker "
            "with WORKER_REFUSAL_STOP_PERCENT=0 to let them all go to the dead letters."
        )


class DeadLetterTopic:
    """Publishes dead letters with their original bytes, headers and the reason."""

    def __init__(self, producing: RecoveringProducer, stream: Stream, limit: RefusalLimit) -> None:
        """Take the producer to use and the stream that letters come from."""
        self._producing = producing
        self._stream = stream
        self._limit = limit

    async def acknowledge(self, letters: Sequence[DeadLetter], batch_size: int) -> None:
        """Send dead letters and wait until the brokers have them.

        Raises TooManyRefusedError, KafkaError or TimeoutError; sending them again is harmless.
        """
        self._limit.check(letters, batch_size)
        sent = [await self._send(letter) for letter in letters]
        await self._producing.acknowledged(asyncio.gather(*sent))

    async def _send(self, letter: DeadLetter) -> Awaitable[Any]:
        """Send a letter; one that no topic may take goes without what it came with.

        A record may be as large as its topic allows, and the reason makes it larger. Without key
        and value no client sends one at all, so then its value is empty.
        """
        reason = self._reason(letter)
        key, value, headers = letter.key, letter.value, [*headers_of(letter.headers), *reason]
        if record_size(key, value, headers) > LETTER_BYTES_MAX:
            value, headers = b"", [*reason, ("dlq.original.omitted", b"too large")]
        if record_size(key, value, headers) > LETTER_BYTES_MAX:
            key = None
        if key is None and value is None:
            value = b""
        return await self._producing.send(DEAD_LETTERS.name, key=key, value=value, headers=headers)

    def _reason(self, letter: DeadLetter) -> list[tuple[str, bytes | None]]:
        return [
            ("dlq.original.topic", self._stream.topic.encode()),
            ("dlq.original.partition", str(letter.partition).encode()),
            ("dlq.original.offset", str(letter.offset).encode()),
            ("dlq.error.code", letter.code.encode()),
            ("dlq.error.message", letter.message.encode()),
        ]
