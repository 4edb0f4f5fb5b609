"""A batch on its way through the ledger: what came in, what of it is still new, what it came to."""

from __future__ import annotations

import base64
import json
from collections import Counter
from collections.abc import Sequence
from datetime import datetime
from typing import Final, Protocol

import msgspec

from ledger.calls.batch_changes import BatchChanges
from ledger.calls.call import Call
from ledger.calls.rating import Incoming, original_events
from ledger.recording.offsets import DeadLetter, PositionMark, ResentRecord
from schemas.refusals import Refused

REASON_LENGTH_MAX: Final = 1_000
"""A reason may quote what was sent, at any length; all of that is in the record itself."""


class ReceivedRecord(Protocol):
    """A record as it came from Kafka."""

    partition: int
    offset: int
    key: bytes | None
    value: bytes | None
    headers: Sequence[tuple[str, bytes | None]]


class Batch(msgspec.Struct):
    """Decoded events with the records they came in, what was refused already, and how far it goes.

    `events` and `records` run in parallel; `next_offsets` and `marks` are by partition. `resent`
    are those records that fill a gap. `part_of` is the size of the batch that it was taken out of;
    `size_bytes` are those of its records, with keys and headers.
    """

    events: list[Incoming] = []
    records: list[ReceivedRecord] = []
    letters: list[DeadLetter] = []
    next_offsets: dict[int, int] = {}
    marks: dict[int, PositionMark] = {}
    resent: list[ResentRecord] = []
    part_of: int = 0
    size_bytes: int = 0

    @property
    def size(self) -> int:
        """How many records the batch stands for."""
        return self.part_of or len(self.events) + len(self.letters)

    def add(self, later: Batch) -> None:
        """Take over what came after it from the same partitions."""
        self.events += later.events
        self.records += later.records
        self.letters += later.letters
        self.next_offsets |= later.next_offsets
        self.marks |= later.marks
        self.resent += later.resent
        self.size_bytes += later.size_bytes


class BatchOutcome(msgspec.Struct):
    """What a committed batch came to.

    `changed` are calls as committed, `outbox_id` their row; `alerts` and commands wait to be sent.
    `epoch` is the ledger's at the commit.
    """

    recorded: int = 0
    repeated: int = 0
    held: int = 0
    refused: Counter[str] = msgspec.field(default_factory=Counter)
    changed: list[Call] = []
    outbox_id: int | None = None
    alerts: int = 0
    epoch: int = 0
    committed_at: datetime | None = None


def dead_letter(record: ReceivedRecord, refusal: Refused) -> DeadLetter:
    """Return the dead letter of a record.

    Its reason may quote the record, in part, and its headers have any name: what PostgreSQL's text
    cannot hold must not keep a letter from being written.
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
    """Return a name with its bytes that are no UTF-8, which come as surrogates, written out."""
    if name.isascii():
        return name
    return name.encode("utf-8", "surrogateescape").decode("utf-8", "backslashreplace")


def _cut(reason: str) -> str:
    return reason if len(reason) <= REASON_LENGTH_MAX else f"{reason[: REASON_LENGTH_MAX - 1]}…"


def _without_nul(text: str) -> str:
    return text.replace("\0", "\N{SYMBOL FOR NULL}")


class BatchWork:
    """A batch on its way: which of its events are still new, and what has been refused so far.

    Of the events of one identity the first is tried first. Only when it is known what became of it
    can be said whether those that came later are repeats, in conflict, or mended.
    """

    def __init__(self, batch: Batch, recorded_at: datetime) -> None:
        self.batch = batch
        self.recorded_at = recorded_at
        self.new: dict[str, Incoming] = {}
        self.repeated = 0
        self.letters: list[DeadLetter] = list(batch.letters)
        self._refused: list[tuple[Incoming, Refused]] = []
        self._later: dict[str, list[Incoming]] = {}

    def drop_repeats_within(self) -> None:
        """Keep the first event of each identity."""
        self.new = {event.identity: event for event in self.batch.events}
        if len(self.new) == len(self.batch.events):
            return
        self.new.clear()
        for event in self.batch.events:
            if self.new.setdefault(event.identity, event) is not event:
                self._later.setdefault(event.identity, []).append(event)

    def meet_known(self, identity: str, fingerprint: int) -> None:
        """Drop the events of an identity that is recorded, with the digest of what was recorded."""
        for event in (self.new.pop(identity), *self._later.pop(identity, ())):
            self._meet(event, fingerprint)

    def _meet(self, event: Incoming, fingerprint: int) -> None:
        if event.fingerprint == fingerprint:
            self.repeated += 1
        else:
            named = original_events(event)
            message = f"Event {named.id} of {named.source} was recorded with other content."
            self._refused.append((event, Refused("id_conflict", message)))

    def replace(self, refused: Sequence[tuple[Incoming, Refused]]) -> bool:
        """Let mended events take the place of refused ones; returns whether there were any.

        A refused event takes no identity: the next with the same and other content is tried.
        """
        replaced = False
        for event, why in refused:
            later = self._later.get(event.identity, [])
            mended = [other for other in later if other.fingerprint != event.fingerprint]
            if mended:
                same = [other for other in later if other.fingerprint == event.fingerprint]
                self._refused += [(one, why) for one in (event, *same)]
                self.new[event.identity], *self._later[event.identity] = mended
                replaced = True
        return replaced

    def refuse(self, refused: Sequence[tuple[Incoming, Refused]]) -> None:
        """Turn refused events into dead letters, and with each those that are the same."""
        for event, why in refused:
            same = self._later.pop(event.identity, [])
            self._refused += [(one, why) for one in (event, *same)]
        for identity, later in self._later.items():
            for event in later:
                self._meet(event, self.new[identity].fingerprint)
        if self._refused:
            pairs = zip(self.batch.events, self.batch.records, strict=True)
            records = {id(event): record for event, record in pairs}
            self.letters += [dead_letter(records[id(event)], why) for event, why in self._refused]

    def outcome(self, folded: BatchChanges) -> BatchOutcome:
        """Return the outcome of the batch, once nothing of it is left to refuse."""
        return BatchOutcome(
            recorded=len(folded.taken) - len(folded.held),
            repeated=self.repeated,
            held=len(folded.held),
            refused=Counter(letter.code for letter in self.letters),
            changed=folded.owned,
        )
