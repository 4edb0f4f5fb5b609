"""`cost-analytics export`: writes costs for FinOps tools."""

from __future__ import annotations

import argparse
import sys
from calendar import monthrange
from contextlib import suppress
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Final

from cost_analytics import settings
from cost_analytics.archives import INSTALL_ARCHIVE_EXTRA
from cost_analytics.commands.options import month
from cost_analytics.database_work import run_with_database
from cost_analytics.failures import CommandError
from cost_analytics.object_storage import Folder, folder

if TYPE_CHECKING:
    from cost_analytics.focus_files import UploadedCosts, WrittenCosts

_DAY: Final = timedelta(days=1)

DESCRIPTION: Final = """\
Writes the costs of whole UTC days to one file of FOCUS 1.2 (docs/finops.md), and prints its path or
its address in an object storage. Each cost is in it once. If its sum is not exactly the ledger's,
no file is written. The file appears when it is complete, and replaces an earlier one of the same
period.
"""


def configure(parser: argparse.ArgumentParser) -> None:
    """Declare the format, the period, the user and the directory."""
    parser.add_argument("--format", choices=("focus",), required=True, help="the columns")
    parser.add_argument(
        "--file-type", choices=("csv", "parquet"), default="csv", help="default: csv"
    )
    parser.add_argument(
        "--from",
        dest="first",
        metavar="PERIOD",
        type=period,
        required=True,
        help="the first month or day: 2026-01, 2026-01-31, last-month, this-month or yesterday",
    )
    parser.add_argument(
        "--to",
        dest="last",
        metavar="PERIOD",
        type=period,
        help="the last month or day, included (default: that of --from)",
    )
    parser.add_argument("--user", metavar="USER", help="the user's id (default: all users)")
    target = parser.add_mutually_exclusive_group()
    target.add_argument(
        "--to-dir", metavar="DIR", type=Path, default=Path(), help="default: the current directory"
    )
    target.add_argument(
        "--to-url",
        metavar="URL",
        type=_folder,
        help="s3://BUCKET/PATH of an S3-compatible object storage (settings: AWS_…)",
    )


def _folder(text: str) -> Folder:
    try:
        return folder(text)
    except ValueError as error:
        raise argparse.ArgumentTypeError(str(error)) from None


def period(text: str) -> tuple[date, date]:
    """Parse a month or a day; returns its first and its last day."""
    today = datetime.now(UTC).date()
    if text == "yesterday":
        return today - _DAY, today - _DAY
    if text in {"this-month", "last-month"}:
        first = today.replace(day=1)
        return _month(first if text == "this-month" else (first - _DAY).replace(day=1))
    with suppress(ValueError):
        day = datetime.strptime(text, "%Y-%m-%d").replace(tzinfo=UTC).date()
        if day < date.max:
            return day, day
    with suppress(argparse.ArgumentTypeError):
        first, last = _month(month(text))
        if last < date.max:
            return first, last
    raise argparse.ArgumentTypeError(
        f"{text!r} is not a month or a day like 2026-01 or 2026-01-31, last-month, this-month "
        "or yesterday"
    )


def _month(first: date) -> tuple[date, date]:
    return first, first.replace(day=monthrange(first.year, first.month)[1])


def run(arguments: argparse.Namespace) -> int:
    """Export and report."""
    from schemas.money import usd_text

    days = arguments.first[0], (arguments.last or arguments.first)[1]
    if days[1] < days[0]:
        raise CommandError("--to must not be before --from.")
    if arguments.user == "":
        raise CommandError("--user must not be empty.")
    try:
        where, rows, nano = _export(arguments, days)
    except ModuleNotFoundError as error:
        if error.name != "pyarrow":
            raise
        raise CommandError(f"Parquet needs pyarrow: {INSTALL_ARCHIVE_EXTRA}") from None
    print(f"{rows:,} rows, {usd_text(nano)} USD", file=sys.stderr)
    print(where)
    return 0


def _export(arguments: argparse.Namespace, days: tuple[date, date]) -> WrittenCosts | UploadedCosts:
    from cost_analytics.focus_files import export_costs, upload_costs

    user, file_type = arguments.user, arguments.file_type
    if arguments.to_url is None:
        url = settings.load("database").database_url
        directory = arguments.to_dir
        return run_with_database(url, export_costs(url.reveal(), user, days, directory, file_type))
    loaded = settings.load("database", "storage")
    url, to = loaded.database_url, arguments.to_url
    return run_with_database(
        url, upload_costs(url.reveal(), user, days, to, file_type, loaded.storage)
    )
