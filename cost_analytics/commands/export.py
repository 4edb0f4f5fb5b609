"""`cost-analytics export`: writes costs for FinOps tools."""

from __future__ import annotations

import argparse
import sys
from contextlib import suppress
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Final

from cost_analytics import settings
from cost_analytics.archives import INSTALL
from cost_analytics.commands.options import month
from cost_analytics.database_work import run_with_database
from cost_analytics.failures import CommandError

DESCRIPTION: Final = """\
Writes the costs of whole UTC days as one file of FOCUS 1.2 (docs/finops.md): each cost once, and in
sum exactly the ledger's totals, otherwise no file. Prints the path. The file appears when it is
complete, and replaces an earlier one of the same period.
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
        help="the first month or day, like 2026-01 or 2026-01-31",
    )
    parser.add_argument(
        "--to",
        dest="last",
        metavar="PERIOD",
        type=period,
        help="the last month or day, included (default: that of --from)",
    )
    parser.add_argument("--user", metavar="USER", help="the user's id (default: all users)")
    parser.add_argument(
        "--to-dir", metavar="DIR", type=Path, default=Path(), help="default: the current directory"
    )


def period(text: str) -> tuple[date, date]:
    """Parse a month or a day; returns its first and its last day."""
    with suppress(ValueError):
        day = datetime.strptime(text, "%Y-%m-%d").replace(tzinfo=UTC).date()
        return day, day
    try:
        first = month(text)
    except argparse.ArgumentTypeError:
        raise argparse.ArgumentTypeError(
            f"{text!r} is not a month or a day like 2026-01 or 2026-01-31"
        ) from None
    next_month = (first + timedelta(days=31)).replace(day=1)
    return first, next_month - timedelta(days=1)


def run(arguments: argparse.Namespace) -> int:
    """Export and report."""
    from cost_analytics.focus_files import export_costs
    from schemas.money import usd_text

    days = arguments.first[0], (arguments.last or arguments.first)[1]
    if days[1] < days[0]:
        raise CommandError("--to must not be before --from.")
    if arguments.user == "":
        raise CommandError("--user must not be empty.")
    url = settings.load("database").database_url
    work = export_costs(url.reveal(), arguments.user, days, arguments.to_dir, arguments.file_type)
    try:
        written = run_with_database(url, work)
    except ModuleNotFoundError as error:
        if error.name != "pyarrow":
            raise
        raise CommandError(f"Parquet needs pyarrow: {INSTALL}") from None
    print(f"{written.rows:,} rows, {usd_text(written.nano)} USD", file=sys.stderr)
    print(written.path)
    return 0
