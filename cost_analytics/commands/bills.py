"""`cost-analytics bills`: the bills of vendors, to compare them with recorded costs."""

from __future__ import annotations

import argparse
from hashlib import sha256
from typing import TYPE_CHECKING, Final

from cost_analytics import settings
from cost_analytics.commands.listing import add_json, print_rows
from cost_analytics.commands.options import add_set_by, whole_number
from cost_analytics.database_work import run_connected
from cost_analytics.failures import CommandError
from cost_analytics.files import account, input_name, read_text

if TYPE_CHECKING:
    from ledger.operations.bills import BillImport, ListedBill

DESCRIPTION: Final = """\
Vendors' bills. GET /api/admin/reconciliation compares them with recorded costs by day and service.
"""
_IMPORT: Final = """\
Imports the bill in FILE (or standard input: -), all of it or nothing. The same file is never
counted twice: importing it again changes nothing.

CSV with a first line of column names, in any order; other columns are ignored:

  service     twilio, deepgram, … as in events; the column may also be called vendor
  date        2026-01-31, the billed UTC day
  amount_usd  the billed amount; a negative amount is a credit
  quantity    optional; in the vendor's unit
  currency    optional; only USD is supported
"""


def configure(parser: argparse.ArgumentParser) -> None:
    """Declare the actions."""
    actions = parser.add_subparsers(dest="action", metavar="import|list|withdraw", required=True)
    import_parser = actions.add_parser("import", help="import a bill", description=_IMPORT)
    import_parser.add_argument("file", metavar="FILE", help="CSV, or - for standard input")
    add_set_by(import_parser)
    add_json(actions.add_parser("list", help="show the imported bills"))
    withdraw = actions.add_parser(
        "withdraw", help="exclude a bill from the comparison; it stays in the list"
    )
    withdraw.add_argument("bill", metavar="ID", type=whole_number(1, 2**63 - 1), help="its number")


def run(arguments: argparse.Namespace) -> int:
    """Import, list or withdraw."""
    return {"import": _import, "list": _list, "withdraw": _withdraw}[arguments.action](arguments)


def _import(arguments: argparse.Namespace) -> int:
    loaded = settings.load("database")
    from cost_analytics.bill_files import read_bill
    from ledger.operations.bills import import_bill

    name = input_name(arguments.file)
    text = read_text(arguments.file)
    lines = read_bill(text, name)
    digest, by = sha256(text.encode()).digest(), arguments.set_by or account()
    bill = run_connected(
        loaded.database_url, "bills", lambda db: import_bill(db, digest, name, lines, by)
    )
    print(_report(bill))
    return 0


def _report(bill: BillImport) -> str:
    if bill.was_withdrawn:
        return f"Bill {bill.bill_id} was withdrawn; it is now included again."
    if not bill.lines:
        return f"This file was imported as bill {bill.bill_id} already; no changes were made."
    report = f"Bill {bill.bill_id}: {bill.lines} lines."
    if bill.shared_days:
        report += (
            f" Other bills have lines for {bill.shared_days} of its days and services, too; the "
            "amounts are added up. If this bill replaces another, withdraw that one: "
            "cost-analytics bills list."
        )
    return report


def _list(arguments: argparse.Namespace) -> int:
    loaded = settings.load("database")
    from ledger.operations.bills import list_bills

    bills = run_connected(loaded.database_url, "bills", list_bills)
    return print_rows(arguments, bills, _line, none="No bills.")


def _line(bill: ListedBill) -> str:
    from schemas.sentences import exact_dollars

    state = " (withdrawn)" if bill.withdrawn else ""
    return (
        f"{bill.bill_id}  {bill.name}{state}: {bill.lines} lines, {bill.first_day} to "
        f"{bill.last_day}, {', '.join(bill.services)}, {exact_dollars(bill.amount_nano)}; "
        f"{bill.imported_at:%Y-%m-%d %H:%M}Z by {bill.imported_by}"
    )


def _withdraw(arguments: argparse.Namespace) -> int:
    loaded = settings.load("database")
    from ledger.operations.bills import withdraw_bill

    url = loaded.database_url
    if not run_connected(url, "bills", lambda db: withdraw_bill(db, arguments.bill)):
        raise CommandError(
            f"There is no bill {arguments.bill} to withdraw; see cost-analytics bills list."
        )
    print(f"Bill {arguments.bill} is withdrawn. Import its file again to include it again.")
    return 0
