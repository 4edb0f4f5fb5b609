"""A vendor's bill as a CSV file: all of it is checked, each error is reported with its line."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import date
from decimal import Decimal
from typing import Final

from cost_analytics.csv_files import open_csv, read_rows, refuse, require_columns
from cost_analytics.failures import CommandError
from ledger.operations.bills import BillLine
from schemas.money import nano_from_usd
from schemas.numbers import decimal_from

LINES_MAX: Final = 1_000_000
_AMOUNT_USD_MAX: Final = 10**9
_QUANTITY_MAX: Final = 10**15
_DECIMALS_MAX: Final = 9
_TEXT_MAX: Final = 255
_COLUMNS: Final = ("service", "date", "amount_usd", "quantity", "currency")
_REQUIRED: Final = ("date", "amount_usd")


def read_bill(text: str, name: str) -> list[BillLine]:
    """Read the lines of the bill `name`; raises CommandError with all its errors."""
    lines: list[BillLine] = []
    errors: list[str] = []
    for number, fields in _rows(text):
        if isinstance(fields, str):
            errors.append(f"line {number}: {fields}")
            continue
        try:
            lines.append(_line(number, fields))
        except ValueError as error:
            errors.append(f"line {number}: {error}.")
    refuse(errors, name)
    if not lines:
        raise CommandError(f"{name} has no lines.")
    return lines


def _rows(text: str) -> Iterator[tuple[int, Mapping[str, str] | str]]:
    reader = open_csv(text, lambda name: name.strip().lower())
    require_columns(reader, _REQUIRED, _COLUMNS)
    if len({"service", "vendor"} & set(reader.fieldnames or ())) != 1:
        raise CommandError("The first line must name a column service or vendor, not both.")
    return read_rows(reader, LINES_MAX, "lines")


def _line(number: int, fields: Mapping[str, str]) -> BillLine:
    service = (fields.get("service") or fields.get("vendor") or "").strip().lower()
    if not 0 < len(service) <= _TEXT_MAX or "\0" in service:
        raise ValueError(f"service must have 1 to {_TEXT_MAX} characters")
    currency = (fields.get("currency") or "USD").strip().upper()
    if currency != "USD":
        raise ValueError(f"currency is {currency}; only USD can be compared")
    quantity = (fields.get("quantity") or "").strip()
    return BillLine(
        line=number,
        service=service,
        day=_day(fields["date"]),
        quantity=_number("quantity", quantity, _QUANTITY_MAX) if quantity else None,
        amount_nano=nano_from_usd(_number("amount_usd", fields["amount_usd"], _AMOUNT_USD_MAX)),
    )


def _day(text: str) -> date:
    try:
        return date.fromisoformat(text.strip())
    except ValueError:
        raise ValueError("date must be a date such as 2026-01-31") from None


def _number(name: str, text: str, maximum: int) -> Decimal:
    form = f"{name} must be a number up to {maximum} with at most {_DECIMALS_MAX} decimals"
    try:
        number = decimal_from(text.strip())
    except ValueError:
        raise ValueError(form) from None
    if abs(number) > maximum or number != round(number, _DECIMALS_MAX):
        raise ValueError(form)
    return number
