"""`cost-analytics bills`: what vendors have billed, to be compared with what was recorded."""

from __future__ import annotations

import argparse
from collections.abc import Awaitable, Callable
from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING, Final, TypeVar

from cost_analytics import settings
from cost_analytics.commands.options import whole_number
from cost_analytics.failures import CommandError, using_database
from cost_analytics.files import account, read_text

if TYPE_CHECKING:
    from cost_analytics.configuration.tree import Settings
    from ledger.operations.bills import BillImport
    from ledger.postgres.database import Connection

T = TypeVar("T")

DESCRIPTION: Final = """\
Vendors' bills. GET /api/admin/reconciliation compares them with what was recorded, day by day and
service by service.
"""
_IMPORT: Final = """\
Keeps the bill in FILE (or standard input: -), all of it or nothing. The same file is never counted
twice: importing it again changes nothing.

CSV with a first line of column names, in any order; other columns are ignored:

  service     twilio, deepgram, … as events name it; a column called vendor will do
  date        2026-01-31, the UTC day that is billed
  amount_usd  what is billed for it; a negative amount is a credit
  quantity    optional: how much of the vendor's unit
  currency    optional; only USD can be compared
"""


def configure(parser: argparse.ArgumentParser) -> None:
    """Declare `import`, `list` and `withdraw`."""
    raw = argparse.RawDescriptionHelpFormatter
    actions = parser.add_subparsers(dest="action", metavar="import|list|withdraw", required=True)
    adding = actions.add_parser(
        "import", help="keep a bill", description=_IMPORT, formatter_class=raw
    )
    adding.add_argument("file", metavar="FILE", help="CSV, or - for standard input")
    adding.add_argument(
        "--set-by", metavar="NAME", help="who imports it (default: the account's name)"
    )
    actions.add_parser("list", help="show the bills that are kept")
    taking = actions.add_parser("withdraw", help="let a bill count no more; it stays in the list")
    taking.add_argument("bill", metavar="ID", type=whole_number(1, 2**63 - 1), help="its number")


def run(arguments: argparse.Namespace) -> int:
    """Import, list or withdraw."""
    return {"import": _import, "list": _list, "withdraw": _withdraw}[arguments.action](arguments)


def _import(arguments: argparse.Namespace) -> int:
    loaded = settings.load("database")
    from cost_analytics.bill_files import read_bill
    from ledger.operations.bills import import_bill

    name = "standard input" if arguments.file == "-" else Path(arguments.file).name
    text = read_text(arguments.file)
    lines = read_bill(text, name)
    digest, by = sha256(text.encode()).digest(), arguments.set_by or account()
    done = _asked(loaded, lambda db: import_bill(db, digest, name, lines, by))
    print(_report(done))
    return 0


def _report(done: BillImport) -> str:
    if done.was_withdrawn:
        return f"Bill {done.bill_id} was withdrawn; it counts again."
    if not done.lines:
        return f"This file is bill {done.bill_id} already; nothing was changed."
    said = f"Bill {done.bill_id}: {done.lines} lines."
    if done.shared_days:
        said += (
            f" On {done.shared_days} days of a service other bills have lines too; they add up. If "
            "this bill replaces another, withdraw the other one: cost-analytics bills list."
        )
    return said


def _list(arguments: argparse.Namespace) -> int:
    del arguments
    loaded = settings.load("database")
    from ledger.operations.bills import list_bills
    from schemas.money import usd_text

    bills = _asked(loaded, list_bills)
    for bill in bills:
        state = " (withdrawn)" if bill.withdrawn else ""
        print(
            f"{bill.bill_id}  {bill.name}{state}: {bill.lines} lines, {bill.first_day} to "
            f"{bill.last_day}, {', '.join(bill.services)}, {usd_text(bill.amount_nano)} USD; "
            f"{bill.imported_at:%Y-%m-%d %H:%M}Z by {bill.imported_by}"
        )
    if not bills:
        print("No bills.")
    return 0


def _withdraw(arguments: argparse.Namespace) -> int:
    loaded = settings.load("database")
    from ledger.operations.bills import withdraw_bill

    if not _asked(loaded, lambda db: withdraw_bill(db, arguments.bill)):
        raise CommandError(f"There is no bill {arguments.bill} that counts; see bills list.")
    print(f"Bill {arguments.bill} counts no more. Importing its file again takes that back.")
    return 0


def _asked(loaded: Settings, work: Callable[[Connection], Awaitable[T]]) -> T:
    """Return what `work` makes of a connection to the database."""
    from cost_analytics.running import run as run_loop
    from ledger.postgres.database import connected

    async def ask() -> T:
        async with connected(loaded.database_url.reveal(), name="cost-analytics bills") as db:
            return await work(db)

    with using_database(loaded.database_url):
        return run_loop(ask())
