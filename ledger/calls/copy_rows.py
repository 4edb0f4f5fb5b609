"""Encodes rows of the two large tables in the binary format of COPY.

Encoding is half the work of a batch. asyncpg encodes any column of any table, one cell at a time;
here the columns are known, and most of their texts repeat, so their cells are cached. A test
compares what PostgreSQL reads with what was encoded.

A row is the number of its columns, and for each column the length of its value and the value, in
network byte order; NULL has the length -1.
"""

from __future__ import annotations

import struct
from collections.abc import AsyncIterator, Iterable, Sequence
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from functools import lru_cache
from itertools import islice
from typing import TYPE_CHECKING, Final

from ledger.postgres.numeric import encode_numeric
from schemas.identity import KEY_BYTES

if TYPE_CHECKING:
    from ledger.calls.entries import Entry

ENTRY_COLUMNS: Final = (
    "identity",
    "time",
    "cost_nano",
    "amount_nano",
    "estimated",
    "usage",
    "unit_cost",
    "list_cost_nano",
    "event_id",
    "data",
    "call_id",
    "price_id",
    "voids",
    "source",
    "type",
    "persona_id",
    "service",
    "operation",
    "operation_sent",
    "model",
    "unit",
    "tags",
    "price_context",
    "usages",
    "leg_id",
    "user_id",
)
"""The columns of an entry in the order in which they are written.

Columns that differ from event to event come first, then those that many costs share. The owner is
last, because it may become known only when the event is counted.
"""

IDENTITY_COLUMNS: Final = ("identity", "fingerprint")

_HEADER: Final = b"PGCOPY\n\xff\r\n\0" + struct.pack("!ii", 0, 0)
_END: Final = struct.pack("!h", -1)
_JSONB_VERSION: Final = b"\x01"
_NULL: Final = struct.pack("!i", -1)
_PIECES_PER_CHUNK: Final = 1_000
_CELLS_MAX: Final = 10_000
_COLUMNS: Final = len(ENTRY_COLUMNS)

_length: Final = struct.Struct("!i").pack
_LENGTHS: Final = [_length(length) for length in range(4 * 255 + 1)]
"""The encoded lengths of texts of up to 255 characters."""
_identity_row: Final = struct.Struct("!hi16siq").pack
_fixed_cells: Final = struct.Struct("!hi16siqiqiqi?").pack
_integer_cell: Final = struct.Struct("!ii").pack
_bigint_cell: Final = struct.Struct("!iq").pack

EPOCH: Final = datetime(2000, 1, 1, tzinfo=UTC)
"""The origin of PostgreSQL's timestamps, which are in microseconds."""
MICROSECOND: Final = timedelta(microseconds=1)


class _Cells(dict[str | None, bytes]):
    """A cache of the cells of repeated texts: names of services, units and so on."""

    def __missing__(self, text: str | None) -> bytes:
        cell = _NULL if text is None else _text_cell(text)
        if len(self) >= _CELLS_MAX:
            self.clear()
        self[text] = cell
        return cell


_cells: Final = _Cells()
_owners: Final = _Cells()


def _text_cell(text: str) -> bytes:
    encoded = text.encode()
    return _length(len(encoded)) + encoded


def _jsonb_cell(json: bytes) -> bytes:
    return _length(len(_JSONB_VERSION) + len(json)) + _JSONB_VERSION + json


@lru_cache(maxsize=16_384)
def _numeric_cell(value: int | Decimal) -> bytes:
    encoded = encode_numeric(value)
    return _length(len(encoded)) + encoded


def identity_rows(identities: Sequence[str], fingerprints: Iterable[int]) -> list[bytes]:
    """Return rows of `event_identities`, sorted by key."""
    keys = bytes.fromhex("".join(identities))
    starts = range(0, len(keys), KEY_BYTES)
    rows = [
        _identity_row(2, KEY_BYTES, keys[start : start + KEY_BYTES], 8, fingerprint)
        for start, fingerprint in zip(starts, fingerprints, strict=True)
    ]
    rows.sort()
    return rows


async def copy_input(pieces: Iterable[bytes]) -> AsyncIterator[bytes]:
    """Yield the input of COPY in chunks; `pieces` are rows, or parts of them, in order."""
    yield _HEADER
    remaining = iter(pieces)
    while chunk := b"".join(islice(remaining, _PIECES_PER_CHUNK)):
        yield chunk
    yield _END


def owner_cell(user_id: str) -> bytes:
    """Return the last cell of a row, its owner."""
    return _owners[user_id]


def kind_cells(entry: Entry) -> bytes:
    """Return the cells that all costs of one kind share."""
    cells = _cells
    return b"".join(
        (
            _NULL if entry.price_id is None else _integer_cell(4, entry.price_id),
            _NULL if entry.voids is None else _length(16) + bytes.fromhex(entry.voids),
            cells[entry.source],
            cells[entry.type],
            cells[entry.persona_id],
            cells[entry.service],
            cells[entry.operation],
            cells[entry.operation_sent],
            cells[entry.model],
            cells[entry.unit],
            _NULL if entry.tags is None else _text_cell(entry.tags),
            _NULL if entry.price_context is None else _text_cell(entry.price_context),
            _NULL if entry.usages is None else _jsonb_cell(bytes(entry.usages)),
            _NULL if entry.leg_id is None else _text_cell(entry.leg_id),
        )
    )


def cost_row(
    key: bytes,
    moment: int,
    cost_nano: int,
    estimated: bool,
    usage: int | Decimal,
    unit_cost: int | Decimal | None,
    list_cost_nano: int | None,
    event_id: str,
    metadata: bytes,
    call_id: str,
    kind: bytes,
) -> bytes:
    """Return the row of a recorded cost up to the cell of its owner.

    `moment` is in microseconds since `EPOCH`; texts have at most 255 characters; `kind` is the
    result of `kind_cells`.
    """
    event, call = event_id.encode(), call_id.encode()
    return b"".join(
        (
            _fixed_cells(_COLUMNS, 16, key, 8, moment, 8, cost_nano, 8, 0, 1, estimated),
            _numeric_cell(usage),
            _NULL if unit_cost is None else _numeric_cell(unit_cost),
            _NULL if list_cost_nano is None else _bigint_cell(8, list_cost_nano),
            _LENGTHS[len(event)],
            event,
            _length(len(metadata) or -1),
            metadata,
            _LENGTHS[len(call)],
            call,
            kind,
        )
    )


def row_cells(entry: Entry) -> bytes:
    """Return the row of an entry up to the cell of its owner."""
    moment = (entry.time - EPOCH) // MICROSECOND
    return b"".join(
        (
            _fixed_cells(
                _COLUMNS,
                16,
                bytes.fromhex(entry.identity),
                8,
                moment,
                8,
                entry.cost_nano,
                8,
                entry.amount_nano,
                1,
                entry.estimated,
            ),
            _NULL if entry.usage is None else _numeric_cell(entry.usage),
            _NULL if entry.unit_cost is None else _numeric_cell(entry.unit_cost),
            _NULL if entry.list_cost_nano is None else _bigint_cell(8, entry.list_cost_nano),
            _text_cell(entry.event_id),
            _NULL if entry.data is None else _text_cell(entry.data),
            _text_cell(entry.call_id),
            kind_cells(entry),
        )
    )
