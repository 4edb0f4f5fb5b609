"""A queue on disk: events of a killed process are sent by its successor, with the same ids.

An event is passed to the kernel before `put` returns, so it survives the end of the process. Only a
crash of the machine loses what the kernel had not written yet.
"""

from __future__ import annotations

import json
import logging
import os
import threading
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from cost_analytics_emitter.counters import Tally
from cost_analytics_emitter.events import Event, read_event
from cost_analytics_emitter.outbox import BATCH_BYTES_MAX, BATCH_EVENTS_MAX, Mark, MemoryOutbox
from cost_analytics_emitter.spool_files import (
    SpoolInUseError,
    SpoolPosition,
    create_segment,
    done_position,
    encode_done,
    encode_line,
    lines_of,
    lock_directory,
    segment_numbers,
    segment_path,
)

__all__ = ["SpoolInUseError", "SpoolOutbox"]

SEGMENT_BYTES: Final = 4 * 1024 * 1024
REFUSED_BYTES_MAX: Final = 16 * 1024 * 1024

_log: Final = logging.getLogger("cost_analytics_emitter")


class SpoolOutbox:
    """A queue of up to `bytes_max` bytes in a directory, with one owner at a time.

    What finds no room on disk is kept in `memory`. A segment is deleted when all of its events are
    done, and the newest one is emptied when nothing is left.
    """

    def __init__(self, directory: Path, bytes_max: int, memory: MemoryOutbox, tally: Tally) -> None:
        """Open the directory, and count what an earlier process left.

        Raises SpoolInUseError and OSError.
        """
        self._directory, self._bytes_max = directory, bytes_max
        self._memory, self._tally = memory, tally
        # Reentrant: a signal handler may report a cost while this thread reports one.
        self._lock = threading.RLock()
        self._lock_descriptor = lock_directory(directory)
        try:
            self._read_from, self._on_disk = self._left_events()
            self._segments = self._remaining_segments()
            self._bytes = sum(map(self._size_of, self._segments))
            # A new segment: an old one may end in the middle of a line.
            number = (self._segments[-1] if self._segments else self._read_from.segment) + 1
            self._newest, self._written = create_segment(directory, number), 0
        except BaseException:  # whatever fails, the next emitter must find the lock free
            os.close(self._lock_descriptor)
            raise
        self._segments.append(number)
        if self._read_from.segment not in self._segments:
            self._read_from = SpoolPosition(number, 0)
        self._taken_to = self._read_from
        self._taken_events = self._removed = 0
        self._is_closed = False
        tally.add("replayed", self._on_disk)

    @property
    def pending(self) -> int:
        return self._on_disk + self._memory.pending

    def put(self, event: Event) -> bool:
        with self._lock:
            if self._is_closed:
                return False
            if self._append(encode_line(event.body)):
                self._on_disk += 1
                return True
        return self._memory.put(event)

    def take(self) -> Sequence[Event]:
        self._taken_events = 0
        if self._memory.pending:
            return self._memory.take()
        while not self._is_closed:
            with self._lock:
                is_newest = self._read_from.segment == self._segments[-1]
                size = self._written if is_newest else self._size_of(self._read_from.segment)
            events, end = self._read(size)
            if events:
                self._taken_to, self._taken_events = end, len(events)
                return events
            if end.offset < size:
                self._read_from = end
            elif is_newest:
                self._check_rest(size)
                break
            else:
                self._leave_segment()
        return ()

    def remove_taken(self) -> None:
        if not self._taken_events:
            self._memory.remove_taken()
            return
        with self._lock:
            self._read_from = self._taken_to
            self._on_disk -= self._taken_events
            self._removed += self._taken_events
            self._taken_events = 0
            if not self._is_closed:
                self._store_position()

    def mark(self) -> Mark:
        with self._lock:
            return Mark(self._removed + self._on_disk, self._memory.mark().memory)

    def has_passed(self, mark: Mark) -> bool:
        return self._removed >= mark.disk and self._memory.has_passed(mark)

    def keep_refused(self, event: Event, reason: str) -> None:
        """Append an event that the receiver refused to `refused.jsonl`, with the reason."""
        line = json.dumps({"reason": reason, "event": json.loads(event.body)}) + "\n"
        path = self._directory / "refused.jsonl"
        with path.open("a", encoding="utf-8") as file:
            if file.tell() + len(line) <= REFUSED_BYTES_MAX:
                file.write(line)

    def release(self) -> None:
        """Close the files in a forked child: they belong to its parent."""
        os.close(self._newest)
        os.close(self._lock_descriptor)

    def close(self) -> None:
        with self._lock:
            if not self._is_closed:
                self._is_closed = True
                os.close(self._newest)
                if not self._on_disk:
                    for number in self._segments:
                        segment_path(self._directory, number).unlink(missing_ok=True)
                os.close(self._lock_descriptor)
        self._memory.close()

    def _left_events(self) -> tuple[SpoolPosition, int]:
        """Return where to read from, and the number of events after it."""
        numbers = segment_numbers(self._directory)
        done = SpoolPosition(numbers[0] if numbers else 0, 0)
        ends: list[SpoolPosition] = []
        for number in numbers:
            data = segment_path(self._directory, number).read_bytes()
            for line in lines_of(data, 0, is_whole=True):
                if line.is_event:
                    ends.append(SpoolPosition(number, line.end))
                else:
                    done = max(done, done_position(line) or done)
        return done, sum(end > done for end in ends)

    def _remaining_segments(self) -> list[int]:
        """Return the segments that are not done, and delete the others."""
        numbers = segment_numbers(self._directory)
        for number in numbers:
            if number < self._read_from.segment:
                segment_path(self._directory, number).unlink()
        return [number for number in numbers if number >= self._read_from.segment]

    def _store_position(self) -> None:
        """Empty the newest segment if all is done, else append how far the events are done."""
        if self._read_from == SpoolPosition(self._segments[-1], self._written):
            os.ftruncate(self._newest, 0)
            self._bytes -= self._written
            self._written = 0
            self._read_from = SpoolPosition(self._segments[-1], 0)
        else:
            # If it fails, these events are sent again after a crash, and count once.
            self._append(encode_done(self._read_from))

    def _start_segment(self) -> None:
        """Append to a new segment from now on."""
        number = self._segments[-1] + 1
        newest = create_segment(self._directory, number)
        os.close(self._newest)
        self._newest, self._written = newest, 0
        self._segments.append(number)

    def _append(self, line: bytes) -> bool:
        """Return whether there was room for a line on disk."""
        if self._bytes + len(line) > self._bytes_max:
            return False
        try:
            if self._written + len(line) > SEGMENT_BYTES:
                self._start_segment()
            if os.write(self._newest, line) != len(line):
                os.ftruncate(self._newest, self._written)
                return False
        except OSError as error:
            _log.warning(
                "the spool cannot be written: %s", error, extra={"action": "spool_not_written"}
            )
            return False
        self._written += len(line)
        self._bytes += len(line)
        return True

    def _read(self, size: int) -> tuple[list[Event], SpoolPosition]:
        """Return the next events of a segment of which `size` bytes are written, and their end."""
        segment, start = self._read_from
        data = self._read_bytes(start, min(max(size - start, 0), BATCH_BYTES_MAX))
        is_whole = start + len(data) >= size or b"\n" not in data
        events: list[Event] = []
        end = start
        for line in lines_of(data, start, is_whole=is_whole):
            if len(events) == BATCH_EVENTS_MAX:
                break
            end = line.end
            if line.content is None:
                self._report_damage(segment)
            elif line.is_event:
                try:
                    events.append(read_event(line.content))
                except (ValueError, LookupError, TypeError, RecursionError):
                    self._skip_event(segment)
        return events, SpoolPosition(segment, end)

    def _read_bytes(self, start: int, length: int) -> bytes:
        segment = self._read_from.segment
        if segment == self._segments[-1]:
            return os.pread(self._newest, length, start)
        try:
            with segment_path(self._directory, segment).open("rb") as file:
                file.seek(start)
                return file.read(length)
        except FileNotFoundError:
            return b""

    def _check_rest(self, size: int) -> None:
        """Count the events that should be left, if all files were read up to `size`."""
        with self._lock:
            if self._on_disk and size == self._written:
                self._tally.drop("missing in the spool", self._on_disk)
                _log.error(
                    "%d events are missing in the spool: files were deleted or changed",
                    self._on_disk,
                    extra={"action": "spool_damaged"},
                )
                self._removed += self._on_disk
                self._on_disk = 0

    def _leave_segment(self) -> None:
        """Delete the segment that was read to its end, and read the next one."""
        with self._lock:
            left = self._segments[0]
            self._bytes -= self._size_of(left)
            segment_path(self._directory, left).unlink(missing_ok=True)
            del self._segments[0]
            self._read_from = SpoolPosition(self._segments[0], 0)

    def _skip_event(self, segment: int) -> None:
        """Remove a line that was counted as an event but is none, such as a later release's."""
        with self._lock:
            self._on_disk -= 1
            self._removed += 1
        self._report_damage(segment)

    def _report_damage(self, segment: int) -> None:
        self._tally.drop("damaged in the spool")
        _log.error(
            "a line of the spool's segment %d is damaged and is skipped",
            segment,
            extra={"action": "spool_damaged"},
        )

    def _size_of(self, number: int) -> int:
        """Return the size of a segment, 0 for one that was deleted."""
        try:
            return segment_path(self._directory, number).stat().st_size
        except FileNotFoundError:
            return 0
