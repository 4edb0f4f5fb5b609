"""Rows of the two large tables, in the binary form that COPY reads.

Half of what a batch costs us is writing these rows. asyncpg encodes any column of any table, one
cell at a time; here the columns are known, and most of their texts are seen again and again. A test
compares what PostgreSQL reads with what was written.

A row is the number of its columns, then for each column the length of its value and the value, all
in network byte order; NULL has the length -1.
"""

from __future__ import annotations

import struct
from collections.abc import AsyncIterator, Iterable
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from functools import lru_cache
from itertools import islice
from typing import Final

from ledger.entries import Entry
from ledger.store.numeric import encode_numeric

ENTRY_COLUMNS: Final = (
    "identity",
    "time",
    "cost_nano",
    "amount_nano",
    "estimated",
    "price_id",
    "usage",
    "unit_cost",
    "voids",
    "source",
    "event_id",
    "type",
    "call_id",
    "persona_id",
    "service",
    "operation",
    "operation_sent",
    "model",
    "unit",
    "data",
    "user_id",
)
"""The columns of an entry in the order in which they are written.

Those of fixed length come first, and the owner last, because only the call may know it.
"""

IDENTITY_COLUMNS: Final = ("identity", "fingerprint")

_HEADER: Final = b"PGCOPY\n\xff\r\n\0" + struct.pack("!ii", 0, 0)
_END: Final = struct.pack("!h", -1)
_NULL: Final = struct.pack("!i", -1)
_ROWS_PER_CHUNK: Final = 500
_CELLS_MAX: Final = 50_000

_length: Final = struct.Struct("!i").pack
_identity_row: Final = struct.Struct("!hi16siq").pack
_fixed_cells: Final = struct.Struct("!hi16siqiqiqi?").pack
_integer_cell: Final = struct.Struct("!ii").pack

_EPOCH: Final = datetime(2000, 1, 1, tzinfo=UTC)
_MICROSECOND: Final = timedelta(microseconds=1)


class _Cells(dict[str | None, bytes]):
    """The cells of texts that come again: names of services, units, users and so on."""

    def __missing__(self, text: str | None) -> bytes:
        cell = _NULL if text is None else _text_cell(text)
        if len(self) >= _CELLS_MAX:
            self.clear()
        self[text] = cell
        return cell


_cells: Final = _Cells()


def _text_cell(text: str) -> bytes:
    encoded = text.encode()
    return _length(len(encoded)) + encoded


@lru_cache(maxsize=16_384)
def _numeric_cell(value: int | Decimal) -> bytes:
    encoded = encode_numeric(value)
    return _length(len(encoded)) + encoded


def identity_row(identity: str, fingerprint: int) -> bytes:
    """Return a row of `event_identities`. Rows are in the order of their identities."""
    return _identity_row(len(IDENTITY_COLUMNS), 16, bytes.fromhex(identity), 8, fingerprint)


async def copied(rows: Iterable[bytes]) -> AsyncIterator[bytes]:
    """Yield what COPY reads for these rows, some hundred at a time."""
    yield _HEADER
    remaining = iter(rows)
    while some := b"".join(islice(remaining, _ROWS_PER_CHUNK)):
        yield some
    yield _END


def owner_cell(user_id: str) -> bytes:
    """Return the last cell of an entry's row, the others being `entry_cells`."""
    return _cells[user_id]


def entry_cells(entry: Entry) -> bytes:
    """Return the row of an entry but for its owner."""
    (
        identity, source, event_id, kind, time, _, call_id, persona_id, service, operation,
        operation_sent, model, usage, unit, unit_cost, cost_nano, amount_nano, price_id, estimated,
        voids, data,
    ) = entry  # fmt: skip
    moment = (time - _EPOCH) // _MICROSECOND
    cells = _cells
    return b"".join(
        (
            _fixed_cells(
                len(ENTRY_COLUMNS),
                16,
                bytes.fromhex(identity),
                8,
                moment,
                8,
                cost_nano,
                8,
                amount_nano,
                1,
                estimated,
            ),
            _NULL if price_id is None else _integer_cell(4, price_id),
            _NULL if usage is None else _numeric_cell(usage),
            _NULL if unit_cost is None else _numeric_cell(unit_cost),
            _NULL if voids is None else _length(16) + bytes.fromhex(voids),
            cells[source],
            _text_cell(event_id),
            cells[kind],
            cells[call_id],
            cells[persona_id],
            cells[service],
            cells[operation],
            cells[operation_sent],
            cells[model],
            cells[unit],
            _NULL if data is None else _text_cell(data),
        )
    )
