"""Reads the next lines of a file and makes their events."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Final

from api.mapping.assembly import checked_event
from api.mapping.errors import DocumentError
from api.mapping.language import DocumentMapping
from api.mapping.lines import events_of_line, is_object
from cost_analytics.following.positions import line_id, proof_of
from cost_analytics.following.refused_lines import RefusedLine
from cost_analytics.following.tracking import TrackedFile

LINE_BYTES_MAX: Final = 1024 * 1024
EVENTS_MAX: Final = 200
"""The events after which a batch takes no more lines."""
_READ_BYTES: Final = 256 * 1024
_SEARCH_BYTES: Final = 1024 * 1024
_SHOWN_BYTES: Final = 16 * 1024


@dataclass(frozen=True, slots=True)
class LogLine:
    """A complete line without its end; `number` counts from 1."""

    number: int
    offset: int
    end: int
    text: bytes
    error: str | None = None


@dataclass(slots=True)
class LineBatch:
    """The events of consecutive lines, each with its line; `offset` is where the lines end."""

    offset: int
    line: int
    proof: str = ""
    events: list[tuple[RefusedLine, bytes]] = field(default_factory=list)
    refused: list[RefusedLine] = field(default_factory=list)
    lines: int = 0
    ignored: int = 0


class BatchReader:
    """Reads batches; events are of `source`."""

    def __init__(self, mapping: DocumentMapping, source: str) -> None:
        self._mapping = mapping
        self._source = source

    def next_batch(
        self, tracked: TrackedFile, *, takes_rest: bool, is_final: bool
    ) -> LineBatch | None:
        """Return the next lines of a file, None if there are none or the file was replaced.

        With `takes_rest`, a last line without an end is read if it is a whole JSON object; with
        `is_final`, in any case.
        """
        position = tracked.position
        batch = LineBatch(position.offset, position.line)
        fingerprint, now = tracked.fingerprint(), datetime.now(UTC)
        for line in _lines(tracked, takes_rest=takes_rest, is_final=is_final):
            self._add(batch, line, str(tracked.file.path), fingerprint, now)
            batch.offset, batch.line = line.end, line.number
            batch.lines += 1
            if len(batch.events) >= EVENTS_MAX:
                break
        if not batch.lines:
            return None
        # After the read: the lines are only valid if the file was not replaced meanwhile.
        batch.proof = proof_of(tracked.file, batch.offset) or ""
        is_same = fingerprint == tracked.fingerprint() and position.is_in(tracked.file)
        return batch if is_same and batch.proof else None

    def _add(
        self, batch: LineBatch, line: LogLine, file: str, fingerprint: str, now: datetime
    ) -> None:
        # After a truncation, a program may write on at its old offset: the gap has NUL bytes.
        text = line.text.lstrip(b"\0")
        identity = line_id(fingerprint, line.offset, text)
        events, errors = [], [] if line.error is None else [line.error]
        try:
            mapped = [] if errors else events_of_line(self._mapping, text)
        except DocumentError as error:
            mapped = []
            errors.append(str(error))
        for one in mapped:
            event_id = one.id or f"{identity}/{one.key}"
            try:
                checked = checked_event(one, source=self._source, event_id=event_id, now=now)
                events.append(checked.outgoing.value)
            except DocumentError as error:
                errors.append(str(error))
        if errors:
            # All events of a line or none, so that a corrected mapping can read it again.
            reason = " ".join(errors)
            batch.refused.append(RefusedLine(file, line.number, identity, reason, line.text))
            return
        batch.ignored += not events
        row = RefusedLine(file, line.number, identity, "", line.text)
        batch.events += [(row, event) for event in events]


def _lines(tracked: TrackedFile, *, takes_rest: bool, is_final: bool) -> Iterator[LogLine]:
    """Yield the next lines of a file, as many as one read has."""
    offset, number = tracked.position.offset, tracked.position.line
    content = tracked.file.read_at(offset, _READ_BYTES)
    if content and b"\n" not in content:
        content = tracked.file.read_at(offset, LINE_BYTES_MAX + 1)
    *whole, rest = content.split(b"\n")
    for text in whole:
        number += 1
        end = offset + len(text) + 1
        yield LogLine(number, offset, end, text)
        offset = end
    if whole or not rest:
        return
    if len(rest) > LINE_BYTES_MAX:
        end_of_line = _end_of_line(tracked, offset + len(rest), is_final=is_final)
        if end_of_line is not None:
            error = f"The line has {end_of_line - offset} bytes; {LINE_BYTES_MAX} are allowed."
            yield LogLine(number + 1, offset, end_of_line, rest[:_SHOWN_BYTES], error)
    elif is_final or (takes_rest and is_object(rest)):
        yield LogLine(number + 1, offset, offset + len(rest), rest)


def _end_of_line(tracked: TrackedFile, offset: int, *, is_final: bool) -> int | None:
    """Return the offset after the end of a long line, None while it is being written."""
    while part := tracked.file.read_at(offset, _SEARCH_BYTES):
        if (found := part.find(b"\n")) >= 0:
            return offset + found + 1
        offset += len(part)
    return offset if is_final else None
