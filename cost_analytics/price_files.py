"""Price lists as files: reads CSV or JSON, reporting errors with their lines; writes CSV."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterable, Iterator, Mapping
from decimal import Decimal
from typing import Any, Final

from cost_analytics.csv_files import limit_rows, open_csv, read_rows, refuse, require_columns
from cost_analytics.failures import CommandError
from ledger.prices.aliases import FIELDS as ALIAS_FIELDS
from ledger.prices.entry import ListedPrice
from ledger.prices.rows import COLUMNS, FIELDS, InvalidPriceError, PriceRow, price_row

_ROWS_MAX: Final = 100_000
_ROW_KIND: Final = "prices"
_REQUIRED: Final = ("service", "operation", "unit", "price_usd", "effective_from")

_Entry = tuple[str, Mapping[str, str] | str]
"""The position of a price in a file; and its fields, or an error."""


def read_prices(text: str, name: str) -> list[PriceRow]:
    """Read and check the rows of the file `name`; its first character distinguishes JSON from CSV.

    Raises CommandError with all errors, each with its line.
    """
    entries = _json_entries(text, name) if text.lstrip()[:1] in {"[", "{"} else _csv_entries(text)
    rows: dict[tuple[object, ...], tuple[str, PriceRow]] = {}
    errors: list[str] = []
    for where, fields in entries:
        if isinstance(fields, str):
            errors.append(f"{where}: {fields}")
            continue
        try:
            row = price_row(fields, source=name)
        except InvalidPriceError as error:
            errors += [f"{where}: {reason}" for reason in error.reasons]
            continue
        first_where, first = rows.setdefault(row.dated_key, (where, row))
        if not first.same_price(row):
            errors.append(f"{where}: the price for {row.name} differs from that in {first_where}.")
    refuse(errors, name)
    if not rows:
        raise CommandError(f"{name} has no prices.")
    return [row for _, row in rows.values()]


def alias_entries(text: str) -> list[tuple[str, dict[str, str]]]:
    """Return the fields of each alias in a CSV text, with its line; raises CommandError."""
    reader = open_csv(text, str.strip)
    require_columns(reader, ("service", "alias", "model"), ALIAS_FIELDS)
    entries = []
    for line, fields in read_rows(reader, _ROWS_MAX, "aliases"):
        if isinstance(fields, str):
            raise CommandError(f"line {line}: {fields}")
        entries.append((f"line {line}", dict(fields)))
    return entries


def _csv_entries(text: str) -> Iterator[_Entry]:
    reader = open_csv(text, str.strip)
    require_columns(reader, _REQUIRED, FIELDS)
    for line, fields in read_rows(reader, _ROWS_MAX, _ROW_KIND):
        yield f"line {line}", fields


def _json_entries(text: str, name: str) -> Iterator[_Entry]:
    try:
        entries = json.loads(text, parse_float=Decimal, parse_constant=_no_number)
    except (ValueError, RecursionError) as error:
        raise CommandError(f"{name} is not JSON: {error}.") from None
    if not isinstance(entries, list):
        raise CommandError(f"{name} must be a list of objects: [{{…}}, …].")
    for number, entry in enumerate(entries, start=1):
        limit_rows(number, _ROWS_MAX, _ROW_KIND)
        yield (
            f"entry {number}",
            _texts(entry) if isinstance(entry, dict) else "It is not an object.",
        )


def _no_number(text: str) -> None:
    raise ValueError(f"{text} is not a number")


def _texts(entry: Mapping[str, Any]) -> dict[str, str]:
    return {name: _text(value) for name, value in entry.items() if value is not None}


def _text(value: object) -> str:
    return f"{value:f}" if isinstance(value, Decimal) else str(value)


def as_csv(prices: Iterable[ListedPrice]) -> str:
    """Return prices as CSV that can be imported again."""
    out = io.StringIO(newline="")
    writer = csv.writer(out, lineterminator="\n")
    rows = [price.row for price in prices]
    optional = [_optional_fields(row) for row in rows]
    used = {name for fields in optional for name in fields}
    names = [name for name in FIELDS if name in used]
    writer.writerow([*COLUMNS, *names])
    for row, fields in zip(rows, optional, strict=True):
        since = row.effective_from.isoformat().replace("+00:00", "Z")
        writer.writerow(
            [*row[:5], f"{row.price_usd:f}", row.per_units, since, row.source]
            + [fields.get(name, "") for name in names]
        )
    return out.getvalue()


def _optional_fields(row: PriceRow) -> dict[str, str]:
    """Return the optional fields of a row that it has."""
    fields = row.conditions.to_fields()
    fields |= {name: str(seconds) for name, seconds in row.increments._asdict().items() if seconds}
    if row.retires_on is not None:
        fields["retires_on"] = row.retires_on.isoformat()
    if row.is_deprecated is not None:
        fields["is_deprecated"] = str(row.is_deprecated).lower()
    if row.source_url:
        fields["source_url"] = row.source_url
    if row.source_date is not None:
        fields["source_date"] = row.source_date.isoformat()
    return fields
