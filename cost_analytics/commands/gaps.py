"""`cost-analytics gaps`: records that Kafka lost before they were counted."""

from __future__ import annotations

import argparse
from functools import partial
from typing import Final

from cost_analytics import settings
from cost_analytics.commands.listing import add_json, print_rows
from cost_analytics.commands.options import add_set_by, whole_number
from cost_analytics.database_work import run_connected
from cost_analytics.failures import CommandError
from cost_analytics.files import account

DESCRIPTION: Final = """\
Gaps: records that Kafka lost before they were counted. `verify` fails while a gap is open.
"""
_RESEND: Final = """\
Sends the records of a gap again from a copy, with the gap's id and their old offset as headers. The
gap is closed once all its offsets were counted. Sending twice is harmless.

FILE has one JSON object per line, as printed by `kcat -J`: topic, partition, offset, key, payload
and headers. Records outside the gap are skipped. A gap without a known end is never closed by a
resend.
"""
_ID_MAX: Final = 2**63 - 1
_COMMAND: Final = "gaps"


def configure(parser: argparse.ArgumentParser) -> None:
    """Declare the actions."""
    actions = parser.add_subparsers(dest="action", metavar="list|resend|close", required=True)
    list_parser = actions.add_parser("list", help="show open gaps")
    list_parser.add_argument("--all", action="store_true", help="also closed gaps")
    add_json(list_parser)
    resend = actions.add_parser(
        "resend", help="send the records of a gap again", description=_RESEND
    )
    resend.add_argument("gap", metavar="ID", type=whole_number(1, _ID_MAX), help="its number")
    resend.add_argument("file", metavar="FILE", help="its records, or - for standard input")
    close_parser = actions.add_parser(
        "close", help="close a gap whose records are lost for good or counted in another way"
    )
    close_parser.add_argument(
        "gaps", metavar="ID", nargs="+", type=whole_number(1, _ID_MAX), help="their numbers"
    )
    close_parser.add_argument("--reason", required=True, metavar="TEXT", help="why; it is stored")
    add_set_by(close_parser)


def run(arguments: argparse.Namespace) -> int:
    """List, resend or close."""
    return {"list": _list, "resend": _resend, "close": _close}[arguments.action](arguments)


def _list(arguments: argparse.Namespace) -> int:
    from ledger.operations.gaps import describe_gap, list_gaps

    loaded = settings.load("database")
    gaps = run_connected(
        loaded.database_url, _COMMAND, lambda db: list_gaps(db, include_closed=arguments.all)
    )
    none = "No gaps." if arguments.all else "No open gaps."
    return print_rows(arguments, gaps, describe_gap, none=none)


def _close(arguments: argparse.Namespace) -> int:
    from ledger.operations.gaps import close_gap

    reason = arguments.reason.strip()
    if not reason:
        raise CommandError("--reason must say why the gap is closed.")
    url = settings.load("database").database_url
    by = arguments.set_by or account()
    for gap_id in arguments.gaps:
        close = partial(close_gap, gap_id=gap_id, by=by, reason=reason)
        if not run_connected(url, _COMMAND, close):
            raise CommandError(f"There is no open gap {gap_id}; see cost-analytics gaps list.")
        print(f"Gap {gap_id} is closed.")
    return 0


def _resend(arguments: argparse.Namespace) -> int:
    from cost_analytics.gap_records import resend
    from cost_analytics.running import run_until_stopped
    from ledger.operations.gaps import find_gap

    loaded = settings.load("database", "kafka")
    gap = run_connected(loaded.database_url, _COMMAND, lambda db: find_gap(db, arguments.gap))
    if gap is None or gap.closed_at is not None:
        raise CommandError(f"There is no open gap {arguments.gap}; see cost-analytics gaps list.")
    print(run_until_stopped(lambda stop: resend(loaded.kafka, gap, arguments.file, stop)))
    return 0
