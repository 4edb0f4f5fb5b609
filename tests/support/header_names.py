"""Header names that are not UTF-8, as clients in other languages can send them."""

from __future__ import annotations

from typing import Self

import pytest
from aiokafka.producer import message_accumulator, producer
from aiokafka.record.default_records import _DefaultRecordBatchBuilderPy as BatchBuilder


class RawHeaderName(str):
    """A name with given bytes; only aiokafka's builder in Python accepts it."""

    __slots__ = ("raw",)

    raw: bytes

    def __new__(cls, raw: bytes) -> Self:
        name = super().__new__(cls, raw.decode("utf-8", "surrogateescape"))
        name.raw = raw
        return name

    def encode(self, *_: str) -> bytes:
        """Return the bytes, whatever the encoding."""
        return self.raw


def let_producers_send_them(patch: pytest.MonkeyPatch) -> None:
    """Let the producers of this process accept such names."""
    for user in (producer, message_accumulator):
        patch.setattr(user, "DefaultRecordBatchBuilder", BatchBuilder)


def batch_bytes(
    headers: list[list[tuple[str, bytes | None]]], compression: int = 0, producer_id: int = -1
) -> bytes:
    """Return a stored batch with one record for each of these lists of headers."""
    builder = BatchBuilder(2, compression, 0, producer_id, 0, 0, 1_000_000)
    for offset, of_one in enumerate(headers):
        builder.append(offset, 1_000 + offset, b"key", b"v" * 100, of_one)
    return bytes(builder.build())
