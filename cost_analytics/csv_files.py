"""Reads the rows of CSV files, and reports errors with their lines."""

from __future__ import annotations

import csv
import io
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager

from cost_analytics.failures import CommandError

_ERRORS_SHOWN = 50


def open_csv(text: str, normalize: Callable[[str], str]) -> csv.DictReader[str]:
    """Return a reader of the rows; column names are normalized. Raises CommandError."""
    reader = csv.DictReader(io.StringIO(text, newline=""), strict=True)
    with _csv_errors(reader):
        reader.fieldnames = [normalize(name) for name in reader.fieldnames or ()]
    return reader


def require_columns(
    reader: csv.DictReader[str], required: Iterable[str], columns: Iterable[str]
) -> None:
    """Raise CommandError if a required one of the columns is missing."""
    names = reader.fieldnames or ()
    if missing := [name for name in required if name not in names]:
        raise CommandError(
            f"The first line must name the columns ({', '.join(columns)}); "
            f"{', '.join(missing)} missing."
        )


def read_rows(
    reader: csv.DictReader[str], rows_max: int, row_kind: str
) -> Iterator[tuple[int, Mapping[str, str] | str]]:
    """Yield the line number of each row, and its fields or an error.

    `row_kind` names the rows in error messages, such as `prices`. Raises CommandError for text that
    is not CSV, and for more than `rows_max` rows.
    """
    width = len(reader.fieldnames or ())
    with _csv_errors(reader):
        for number, row in enumerate(reader, start=1):
            limit_rows(number, rows_max, row_kind)
            # The key None has surplus cells; missing ones have the value None.
            count = width - list(row.values()).count(None) + len(row.pop(None, ()))
            error = f"The row has {count} columns, the first line has {width}."
            yield reader.line_num, row if count == width else error


def limit_rows(number: int, rows_max: int, row_kind: str) -> None:
    """Raise CommandError if there are more than `rows_max` rows."""
    if number > rows_max:
        raise CommandError(f"The file has more than {rows_max} {row_kind}; split it.")


def refuse(errors: list[str], name: str) -> None:
    """Raise CommandError if there are errors; lists them up to a limit."""
    if not errors:
        return
    shown = errors[:_ERRORS_SHOWN]
    if len(errors) > len(shown):
        shown.append(f"… and {len(errors) - len(shown)} more.")
    raise CommandError("\n  ".join([f"{name} was not imported at all:", *shown]))


@contextmanager
def _csv_errors(reader: csv.DictReader[str]) -> Iterator[None]:
    try:
        yield
    except csv.Error as error:
        raise CommandError(f"line {reader.reader.line_num} is not CSV: {error}.") from None
