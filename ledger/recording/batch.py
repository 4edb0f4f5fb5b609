"""A batch of a stream: decoded events with their records, and the outcome of recording it."""

from __future__ import annotations

import base64
import json
from collections import Counter
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Final, Protocol

import msgspec

from ledger.calls.call import Call
from ledger.calls.rating import Incoming
from ledger.recording.offsets import DeadLetter, PositionMark, ResentRecord
from schemas.refusals import Refused

SMALL_BATCH_MAX: Final = 100
"""Records up to which a batch is small: its rows are inserted, and not copied."""
REASON_LENGTH_MAX: Final = 1_000
"""Longer reasons are cut: they may quote the record, which is stored whole."""


class ReceivedRecord(Protocol):
    """A record as it came from Kafka."""

    partition: int
    offset: int
    key: bytes | None
    value: bytes | None
    headers: Sequence[tuple[str, bytes | None]]


class Batch(msgspec.Struct):
    """Decoded events with their records, the dead letters of refused records, and the offsets.

    `events` and `records` correspond by index; `next_offsets` and `marks` are by partition.
    `resent` are records that fill a gap. `part_of` is the size of the batch that this one is a part
    of. `size_bytes` counts records with keys and headers. `is_large` decides how rows are encoded
    and written. `decode_ns` is how long decoding took, `received_ns` when the first records were
    received, in nanoseconds since 1970.
    """

    events: list[Incoming] = []
    records: list[ReceivedRecord] = []
    letters: list[DeadLetter] = []
    next_offsets: dict[int, int] = {}
    marks: dict[int, PositionMark] = {}
    resent: list[ResentRecord] = []
    part_of: int = 0
    size_bytes: int = 0
    is_large: bool = False
    decode_ns: int = 0
    received_ns: int = 0

    @property
    def size(self) -> int:
        """The number of records of the batch, or of the one that it is a part of."""
        return self.part_of or len(self.events) + len(self.letters)

    def add(self, later: Batch) -> None:
        """Append a later batch of the same partitions."""
        self.events += later.events
        self.records += later.records
        self.letters += later.letters
        self.next_offsets |= later.next_offsets
        self.marks |= later.marks
        self.resent += later.resent
        self.size_bytes += later.size_bytes
        self.decode_ns += later.decode_ns
        self.is_large = self.is_large or later.is_large or self.size > SMALL_BATCH_MAX


class BatchOutcome(msgspec.Struct):
    """The outcome of a committed batch.

    `recorded` is the number of counted events, without held ones. `changed` are the changed calls
    with a known owner, and `outbox_id` is their row in the totals outbox. `alerts` is the number of
    alerts and commands to publish. `epoch` is that of the ledger. `unpriced` of the recorded and
    held events have no price. Decoding took `decode_ns`, the statements of the
    transaction `record_ns`, its commit `commit_ns`. `traces` are the trace contexts of calls that
    sampled events changed.
    """

    recorded: int = 0
    repeated: int = 0
    held: int = 0
    unpriced: int = 0
    refused: Counter[str] = msgspec.field(default_factory=Counter)
    changed: list[Call] = []
    outbox_id: int | None = None
    alerts: int = 0
    epoch: int = 0
    committed_at: datetime | None = None
    decode_ns: int = 0
    record_ns: int = 0
    commit_ns: int = 0
    traces: Mapping[str, str] = {}


def dead_letter(record: ReceivedRecord, refusal: Refused) -> DeadLetter:
    """Return the dead letter of a record.

    Every dead letter can be stored: characters that PostgreSQL cannot store are replaced in the
    names of headers and in the reason, which may quote the record.
    """
    headers = [
        (_without_nul(_text(name)), None if value is None else base64.b64encode(value).decode())
        for name, value in record.headers or ()
    ]
    return DeadLetter(
        record.partition,
        record.offset,
        refusal.code,
        _without_nul(_cut(refusal.message)),
        record.key,
        record.value,
        json.dumps(headers),
    )


def _text(name: str) -> str:
    """Return a name with invalid UTF-8 bytes, decoded as surrogates, in escaped form."""
    if name.isascii():
        return name
    return name.encode("utf-8", "surrogateescape").decode("utf-8", "backslashreplace")


def _cut(reason: str) -> str:
    return reason if len(reason) <= REASON_LENGTH_MAX else f"{reason[: REASON_LENGTH_MAX - 1]}…"


def _without_nul(text: str) -> str:
    return text.replace("\0", "\N{SYMBOL FOR NULL}")
