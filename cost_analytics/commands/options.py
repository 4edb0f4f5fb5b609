"""Types of command line arguments that several commands share."""

from __future__ import annotations

import argparse
import re
from collections.abc import Callable
from datetime import UTC, date, datetime

from schemas.numbers import decimal_from


def no_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare no arguments: the command is configured by settings only."""
    del parser


def whole_number(minimum: int, maximum: int) -> Callable[[str], int]:
    """Return a type that accepts whole numbers from `minimum` to `maximum`, both included."""

    def parse(text: str) -> int:
        number = int(text) if re.fullmatch(r"[+-]?[0-9]{1,20}", text) else minimum - 1
        if not minimum <= number <= maximum:
            raise argparse.ArgumentTypeError(
                f"{text!r} is not a whole number from {minimum} to {maximum}"
            )
        return number

    return parse


def percent(text: str) -> int:
    """Parse a percentage from 0 to 100 with up to two decimals; returns hundredths of a percent."""
    try:
        hundredths = decimal_from(text) * 100
        if 0 <= hundredths <= 10_000 and hundredths == int(hundredths):
            return int(hundredths)
    except (ArithmeticError, ValueError):
        pass
    raise argparse.ArgumentTypeError(
        f"{text!r} is not a percentage from 0 to 100 with at most two decimals"
    )


def month(text: str) -> date:
    """Parse a month such as 2026-01; returns its first day."""
    try:
        return datetime.strptime(text, "%Y-%m").replace(tzinfo=UTC).date()
    except ValueError:
        raise argparse.ArgumentTypeError(f"{text!r} is not a month like 2026-01") from None


def utc_time(text: str) -> datetime:
    """Parse an ISO 8601 time, UTC if it has no zone; returns it in UTC."""
    try:
        parsed = datetime.fromisoformat(text)
        return parsed.replace(tzinfo=UTC) if parsed.tzinfo is None else parsed.astimezone(UTC)
    except (ValueError, OverflowError):
        raise argparse.ArgumentTypeError(
            f"{text!r} is not a time like 2026-01-31T12:00:00Z"
        ) from None


def add_set_by(parser: argparse.ArgumentParser) -> None:
    """Declare --set-by."""
    parser.add_argument("--set-by", metavar="NAME", help="who does it (default: the account)")
