"""Writes costs as a FOCUS file, CSV or Parquet, and checks it against the ledger's totals."""

from __future__ import annotations

import csv
import hashlib
import io
import re
from collections.abc import Sequence
from contextlib import AbstractAsyncContextManager
from datetime import date, datetime
from decimal import Context, Decimal
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO, Final, Literal, NamedTuple

from api.routes.csv_lines import text_cell
from cost_analytics.failures import CommandError
from cost_analytics.files import temporary_errors, temporary_file, unfinished_file
from cost_analytics.object_storage import Folder, require_client, upload
from ledger.postgres.database import Connection, connected
from ledger.reports.focus import COLUMNS, Value, focus_row
from ledger.reports.focus_costs import costs_of
from schemas.exact import exact_text
from schemas.money import usd_text

if TYPE_CHECKING:
    from cost_analytics.configuration.storage_section import StorageSection

FileType = Literal["csv", "parquet"]

_UNSAFE: Final = re.compile(r"[^A-Za-z0-9._-]+")
_NAME_CHARACTERS_MAX: Final = 64
_DIGEST_CHARACTERS: Final = 16
_GROUP_ROWS: Final = 20_000
_MONEY_DIGITS: Final = (38, 9)
_QUANTITY_DIGITS: Final = (38, 18)
"""Most readers know no wider decimals. Events have up to 30 digits after the point."""
_QUANTITY_STEP: Final = Decimal(1).scaleb(-_QUANTITY_DIGITS[1])
_wide: Final = Context(prec=_QUANTITY_DIGITS[0])


class WrittenCosts(NamedTuple):
    """Where costs were written, the number of their rows, and their sum."""

    path: Path
    rows: int
    nano: int


class UploadedCosts(NamedTuple):
    """The address of the object that costs were written to, the number of rows, and their sum."""

    url: str
    rows: int
    nano: int


async def export_costs(
    url: str, user_id: str | None, days: tuple[date, date], directory: Path, file_type: FileType
) -> WrittenCosts:
    """Write the costs of UTC days; the file appears when it is complete and equals the totals.

    Raises CommandError.
    """
    path = directory / _name(user_id, days, file_type)
    async with _connected(url) as connection:
        with unfinished_file(path) as file:
            rows, nano = await _write(connection, user_id, days, file, file_type)
    return WrittenCosts(path, rows, nano)


async def upload_costs(
    url: str,
    user_id: str | None,
    days: tuple[date, date],
    to: Folder,
    file_type: FileType,
    storage: StorageSection,
) -> UploadedCosts:
    """Write the costs of UTC days to an object storage, as `export_costs` does to a directory.

    The database is no longer needed when the upload begins. Raises CommandError.
    """
    require_client()
    with temporary_file() as file:
        async with _connected(url) as connection:
            with temporary_errors():
                rows, nano = await _write(connection, user_id, days, file, file_type)
        name = _name(user_id, days, file_type)
        return UploadedCosts(await upload(file, file.tell(), to, name, storage), rows, nano)


def _connected(url: str) -> AbstractAsyncContextManager[Connection]:
    return connected(url, name="cost-analytics export")


async def _write(
    connection: Connection,
    user_id: str | None,
    days: tuple[date, date],
    file: BinaryIO,
    file_type: FileType,
) -> tuple[int, int]:
    """Write the rows; returns their number and their sum, which equals the ledger's totals."""
    count = nano = 0
    writer = CsvWriter(file) if file_type == "csv" else ParquetRowWriter(file)
    async with costs_of(connection, user_id, *days) as costs:
        async for chunk in costs.rows:
            writer.add([focus_row(cost) for cost in chunk])
            count += len(chunk)
            nano += sum(cost.cost_nano for cost in chunk)
    writer.finish()
    if nano != costs.total_nano:
        raise CommandError(
            f"No file was written: its rows would sum to {usd_text(nano)} USD, and the "
            f"ledger's total is {usd_text(costs.total_nano)} USD. Run "
            "`cost-analytics verify`, which shows the difference."
        )
    return count, nano


def _name(user_id: str | None, days: tuple[date, date], file_type: FileType) -> str:
    of_user = "" if user_id is None else f"-{_name_of(user_id)}"
    return f"focus{of_user}-{days[0]}-{days[1]}.{file_type}"


def _name_of(user_id: str) -> str:
    """Return a user's id as a part of a file's name; two users never have the same."""
    name = _UNSAFE.sub("_", user_id)[:_NAME_CHARACTERS_MAX]
    if name == user_id:
        return name
    digest = hashlib.sha256(user_id.encode()).hexdigest()
    return f"{name}~{digest[:_DIGEST_CHARACTERS]}"


class CsvWriter:
    """Writes CSV (RFC 4180); no text is run by a spreadsheet as a formula."""

    def __init__(self, file: BinaryIO) -> None:
        self._text = io.TextIOWrapper(file, encoding="utf-8", newline="", write_through=True)
        self._lines = csv.writer(self._text)
        self._lines.writerow([column.name for column in COLUMNS])

    def add(self, rows: Sequence[Sequence[Value]]) -> None:
        """Write rows."""
        self._lines.writerows([_cell(value) for value in row] for row in rows)

    def finish(self) -> None:
        """Leave the file open for its owner."""
        self._text.detach()


def _cell(value: Value) -> str:
    match value:
        case None:
            return ""
        case bool():
            return "true" if value else "false"
        case Decimal():
            return exact_text(value)
        case datetime():
            return f"{value.replace(tzinfo=None).isoformat()}Z"
        case _:
            return text_cell(value)


def _round(quantity: Value) -> Value:
    """Return a quantity with the decimals that Parquet has room for."""
    if isinstance(quantity, Decimal):
        return quantity.quantize(_QUANTITY_STEP, context=_wide)
    return quantity


class ParquetRowWriter:
    """Writes Parquet; money is an exact decimal. Raises ModuleNotFoundError without pyarrow."""

    def __init__(self, file: BinaryIO) -> None:
        import pyarrow as pa
        from pyarrow import parquet

        types: dict[str, Any] = {
            "text": pa.string(),
            "time": pa.timestamp("us", "UTC"),
            "money": pa.decimal128(*_MONEY_DIGITS),
            "quantity": pa.decimal128(*_QUANTITY_DIGITS),
            "flag": pa.bool_(),
        }
        self._schema = pa.schema([pa.field(column.name, types[column.kind]) for column in COLUMNS])
        self._writer = parquet.ParquetWriter(file, self._schema, compression="zstd")
        self._rows: list[Sequence[Value]] = []

    def add(self, rows: Sequence[Sequence[Value]]) -> None:
        """Write rows in groups."""
        self._rows += rows
        if len(self._rows) >= _GROUP_ROWS:
            self._write()

    def finish(self) -> None:
        """Write the last group and the end of the file."""
        if self._rows:
            self._write()
        self._writer.close()

    def _write(self) -> None:
        import pyarrow as pa

        values = zip(*self._rows, strict=True)
        arrays = [
            pa.array(map(_round, of_column) if column.kind == "quantity" else of_column, field.type)
            for of_column, column, field in zip(values, COLUMNS, self._schema, strict=True)
        ]
        self._writer.write_batch(pa.RecordBatch.from_arrays(arrays, schema=self._schema))
        self._rows = []
