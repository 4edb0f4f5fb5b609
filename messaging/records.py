"""Makes aiokafka read records whose header names are not UTF-8.

To a broker a header's name is bytes, and clients in other languages may send any bytes. aiokafka's
`getmany` raises an error for such a name, and again in each poll, because a fetch begins with the
whole batch that contains the position: no record of the batch can be read. Records that the poll
has taken from other partitions are lost. No option of a consumer prevents this. So this module
replaces the class with which aiokafka parses fetched data. Only a batch that the fast parser cannot
read is read again, by the slower Python parser, which keeps the names as they are.
"""

from __future__ import annotations

from collections.abc import Iterator
from struct import Struct
from typing import Any, Final, SupportsIndex

from aiokafka.consumer import fetcher
from aiokafka.errors import CorruptRecordException
from aiokafka.record.default_records import _DefaultRecordBatchPy as SlowBatch
from aiokafka.record.memory_records import MemoryRecords

_OFFSET_AND_LENGTH: Final = Struct(">qi")


def accept_any_header_name() -> None:
    """Make all consumers of this process read any header name, with surrogates for other bytes."""
    fetcher.MemoryRecords = FetchedRecords


class FetchedRecords:
    """The record batches that a broker returned for one partition."""

    def __init__(self, fetched: bytes) -> None:
        """Store the data; nothing is parsed yet."""
        self._fetched = fetched
        self._records = MemoryRecords(fetched)
        self._start = 0
        self.has_next = self._records.has_next
        self.size_in_bytes = self._records.size_in_bytes

    def next_batch(self) -> _Batch:
        """Return the next batch, if there is one."""
        batch, start = self._records.next_batch(), self._start
        _, length = _OFFSET_AND_LENGTH.unpack_from(self._fetched, start)
        self._start += _OFFSET_AND_LENGTH.size + length
        return _Batch(batch, self._fetched, start, self._start)


class _Batch:
    """A batch; all its records are read at the beginning, by aiokafka's fast parser if possible."""

    __slots__ = ("_batch", "_fetched", "_start", "_stop")

    def __init__(self, batch: Any, fetched: bytes, start: int, stop: int) -> None:
        self._batch, self._fetched, self._start, self._stop = batch, fetched, start, stop

    def __getattr__(self, name: str) -> Any:
        return getattr(self._batch, name)

    def __next__(self) -> Any:
        return next(self._batch)  # aiokafka reads transaction markers this way

    def __iter__(self) -> Iterator[Any]:
        try:
            return iter(list(self._batch))
        except (UnicodeDecodeError, CorruptRecordException):  # the latter from Python's parser
            return iter(_read_slowly(self._fetched[self._start : self._stop]))


def _read_slowly(data: bytes) -> list[Any]:
    """Read a batch whose header names are not UTF-8; raises CorruptRecordException."""
    batch = SlowBatch(data)
    batch._maybe_uncompress()  # noqa: SLF001 - it decodes names with a method of its buffer
    batch._buffer = _AnyText(batch._buffer)  # noqa: SLF001 - which can only be replaced here
    return list(batch)


class _AnyText(bytearray):
    """Bytes whose slices decode to text that encodes to the same bytes again."""

    def __getitem__(self, at: SupportsIndex | slice) -> Any:
        part = super().__getitem__(at)
        return _AnyText(part) if isinstance(part, bytearray) else part

    def decode(self, encoding: str = "utf-8", _errors: str = "strict") -> str:
        return super().decode(encoding, "surrogateescape")
