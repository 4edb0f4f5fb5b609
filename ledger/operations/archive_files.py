"""Archive files: a month of events as Parquet, and its manifest.

A file is written under a temporary name, synced and renamed; first the events, then the manifest,
so that a manifest never describes an incomplete file. The name contains the beginning of the
digest, so that no file overwrites another one.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from datetime import date, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any, Final
from uuid import UUID

import msgspec

FORMAT: Final = 1
ROWS_AT_ONCE: Final = 10_000
_COMPRESSION: Final = "zstd"
_DIGEST_IN_NAME: Final = 12

_WIDE: Final = (38, 25)
_WIDEST: Final = (76, 30)
"""Digits in total and after the point of usages and unit costs, if `_WIDE` is not enough."""

COLUMNS: Final = (
    "identity", "source", "event_id", "type", "time", "recorded_at", "user_id", "call_id",
    "persona_id", "service", "operation", "operation_sent", "model", "usage", "unit", "unit_cost",
    "cost_nano", "amount_nano", "price_id", "estimated", "voids", "data", "tags",
    "price_context", "usages", "leg_id", "list_cost_nano",
)  # fmt: skip
"""All columns of `call_cost_events`."""
_IDENTITIES: Final = frozenset({"identity", "voids"})


class ArchiveFileError(Exception):
    """An archive file is missing, damaged or not as in its manifest; the message says which."""


class TypeSums(msgspec.Struct, rename="camel", frozen=True):
    """The number of rows of a type in a file, and their money in nano-dollars."""

    rows: int
    cost_nano: int
    amount_nano: int


NO_FILE: Final = "none"
"""The file name of a month that was sealed without a file."""


class ArchiveManifest(msgspec.Struct, rename="camel", frozen=True, kw_only=True):
    """The manifest of an archive file. `month` is `2026-01`; `sha256` is of the whole file.

    For a month sealed without a file, `file` is NO_FILE and `bytes` is 0.
    """

    format: int = FORMAT
    month: str
    part: int
    file: str
    bytes: int
    sha256: str
    rows: int
    types: dict[str, TypeSums]
    first_time: datetime
    last_time: datetime
    first_recorded_at: datetime
    last_recorded_at: datetime
    columns: tuple[str, ...] = COLUMNS

    @property
    def events(self) -> int:
        """The number of events, without settlements made by the ledger."""
        return self.rows - (self.types["call.settled"].rows if "call.settled" in self.types else 0)


_manifest: Final = msgspec.json.Decoder(ArchiveManifest)


class MonthSums(msgspec.Struct, frozen=True):
    """The sums of a month in the database; `scale` is the largest number of decimals."""

    types: dict[str, TypeSums]
    scale: int
    first_time: datetime
    last_time: datetime
    first_recorded_at: datetime
    last_recorded_at: datetime

    @property
    def rows(self) -> int:
        return sum(of_type.rows for of_type in self.types.values())


def make_manifest(
    month: date, part: int, sums: MonthSums, file: str = NO_FILE, size: int = 0, sha256: str = ""
) -> ArchiveManifest:
    """Return the manifest of a month, by default of one without a file."""
    return ArchiveManifest(
        month=f"{month:%Y-%m}",
        part=part,
        file=file,
        bytes=size,
        sha256=sha256,
        rows=sums.rows,
        types=sums.types,
        first_time=sums.first_time,
        last_time=sums.last_time,
        first_recorded_at=sums.first_recorded_at,
        last_recorded_at=sums.last_recorded_at,
    )


@contextmanager
def _raise_file_errors(directory: Path) -> Iterator[None]:
    """Turn errors of the file system into an ArchiveFileError."""
    try:
        yield
    except OSError as error:
        raise ArchiveFileError(
            f"{error.filename or directory} cannot be written: {error.strerror or error}"
        ) from None


class MonthFile:
    """A file that is being written: add rows, then finish or discard it.

    Raises ModuleNotFoundError without pyarrow, ArchiveFileError if it cannot be written.
    """

    def __init__(self, directory: Path, month: date, part: int, sums: MonthSums) -> None:
        from pyarrow import parquet

        self._directory = directory
        self._month, self._part, self._sums = month, part, sums
        self._temporary = directory / f".{_stem(month, part)}.{os.getpid()}.tmp"
        self._schema = _schema(sums.scale)
        with _raise_file_errors(directory):
            directory.mkdir(parents=True, exist_ok=True)
            self._writer = parquet.ParquetWriter(
                self._temporary, self._schema, compression=_COMPRESSION
            )

    def add(self, rows: Sequence[Sequence[Any]]) -> None:
        """Add rows with values in the order of COLUMNS."""
        import pyarrow

        columns = dict(zip(COLUMNS, zip(*rows, strict=True), strict=True))
        for name in _IDENTITIES:
            columns[name] = tuple(value and value.bytes for value in columns[name])
        arrays = [pyarrow.array(columns[field.name], field.type) for field in self._schema]
        with _raise_file_errors(self._directory):
            self._writer.write_batch(pyarrow.RecordBatch.from_arrays(arrays, schema=self._schema))

    def finish(self) -> ArchiveManifest:
        """Move the file and its manifest to their final names; returns the manifest."""
        with _raise_file_errors(self._directory):
            return self._finish()

    def _finish(self) -> ArchiveManifest:
        self._writer.close()
        digest = digest_of(self._temporary)
        name = f"{_stem(self._month, self._part)}.{digest[:_DIGEST_IN_NAME]}.parquet"
        size = self._temporary.stat().st_size
        manifest = make_manifest(self._month, self._part, self._sums, name, size, digest)
        _rename_durably(self._temporary, self._directory / name)
        temporary = self._temporary.with_suffix(".json.tmp")
        temporary.write_bytes(manifest_text(manifest).encode())
        _rename_durably(temporary, manifest_path(self._directory, name))
        return manifest

    def discard(self) -> None:
        """Remove what was written; does nothing after `finish`."""
        with suppress(OSError):
            self._writer.close()
        with suppress(OSError):
            self._temporary.unlink()


def _stem(month: date, part: int) -> str:
    return f"call_cost_events_{month:%Y_%m}.{part}"


def _schema(scale: int) -> Any:
    import pyarrow as pa

    wide = scale <= _WIDE[1]
    number = pa.decimal128(*_WIDE) if wide else pa.decimal256(*_WIDEST)
    moment = pa.timestamp("us", "UTC")
    types: Mapping[str, Any] = {
        "identity": pa.binary(16), "voids": pa.binary(16), "time": moment, "recorded_at": moment,
        "usage": number, "unit_cost": number, "cost_nano": pa.int64(), "amount_nano": pa.int64(),
        "list_cost_nano": pa.int64(), "price_id": pa.int32(), "estimated": pa.bool_(),
    }  # fmt: skip
    return pa.schema([pa.field(name, types.get(name, pa.string())) for name in COLUMNS])


def _rename_durably(temporary: Path, path: Path) -> None:
    """Rename a file to its final name so that it is complete even after a power failure."""
    _sync(temporary)
    temporary.replace(path)
    _sync(path.parent)


def _sync(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def digest_of(path: Path) -> str:
    """Return the SHA-256 of a file in hexadecimal; raises OSError."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def manifest_text(manifest: ArchiveManifest) -> str:
    """Return a manifest as stored in its file and its seal."""
    return msgspec.json.format(msgspec.json.encode(manifest), indent=2).decode() + "\n"


def manifest_path(directory: Path, file: str) -> Path:
    """Return the path of a file's manifest."""
    return (directory / file).with_suffix(".json")


def checked_manifest(directory: Path, file: str, sealed: str) -> ArchiveManifest:
    """Return the manifest of a file that is unchanged since sealing; raises ArchiveFileError.

    `sealed` is the manifest stored in the seal. Reads the whole file to compute its digest.
    """
    manifest = _manifest.decode(sealed)
    if file == NO_FILE:
        raise ArchiveFileError(f"{manifest.month} was sealed without a file")
    try:
        stored = manifest_path(directory, file).read_text(encoding="utf-8")
        digest = digest_of(directory / file)
    except FileNotFoundError as error:
        raise ArchiveFileError(f"{Path(error.filename).name} is missing") from None
    except (OSError, UnicodeDecodeError) as error:
        raise ArchiveFileError(f"{file} cannot be read: {error}") from None
    if stored != sealed:
        raise ArchiveFileError(f"the manifest of {file} differs from the sealed one")
    if digest != manifest.sha256:
        raise ArchiveFileError(f"{file} was changed: its digest differs from the sealed one")
    return manifest


def rows_of(path: Path) -> Iterator[list[tuple[Any, ...]]]:
    """Yield the rows of a file, up to ROWS_AT_ONCE at a time, as stored in `call_cost_events`.

    Columns that did not exist when the file was written are None. Raises ModuleNotFoundError
    without pyarrow.
    """
    from pyarrow import parquet

    with parquet.ParquetFile(path) as file:
        for batch in file.iter_batches(ROWS_AT_ONCE, columns=list(COLUMNS)):
            without = dict.fromkeys(COLUMNS, [None] * batch.num_rows)
            columns = without | batch.to_pydict()
            for name in _IDENTITIES:
                columns[name] = [value and UUID(bytes=value) for value in columns[name]]
            for name in ("usage", "unit_cost"):
                columns[name] = [_without_zeros(value) for value in columns[name]]
            yield list(zip(*(columns[name] for name in COLUMNS), strict=True))


def _without_zeros(value: Decimal | None) -> Decimal | None:
    """Return a number without the trailing zeros that the column added."""
    return None if value is None else value.normalize()
