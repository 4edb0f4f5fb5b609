"""`cost-analytics gaps`: records that Kafka lost before they were counted."""

from __future__ import annotations

import argparse
from collections.abc import Awaitable, Callable
from functools import partial
from typing import TYPE_CHECKING, Final, TypeVar

from cost_analytics import settings
from cost_analytics.commands.options import whole_number
from cost_analytics.failures import CommandError, using_database
from cost_analytics.files import account

if TYPE_CHECKING:
    from cost_analytics.configuration.tree import Settings
    from ledger.postgres.database import Connection

T = TypeVar("T")

DESCRIPTION: Final = """\
Gaps: records that Kafka no longer had before they were counted. `verify` fails while one is open.
"""
_RESEND: Final = """\
Sends the records of a gap again from a copy, each with the gap and its old offset in its headers.
The ledger closes the gap once every offset of it was counted. Sending twice is harmless.

FILE has a JSON object a line, as `kcat -J` prints them: topic, partition, offset, key, payload and
headers. Lines of other places are left out. A gap without a known end is never closed by a resend.
"""
_ID_MAX: Final = 2**63 - 1


def configure(parser: argparse.ArgumentParser) -> None:
    """Declare `list`, `resend` and `close`."""
    raw = argparse.RawDescriptionHelpFormatter
    actions = parser.add_subparsers(dest="action", metavar="list|resend|close", required=True)
    listing = actions.add_parser("list", help="show open gaps")
    listing.add_argument("--all", action="store_true", help="also closed ones")
    resend = actions.add_parser(
        "resend", help="send the records of a gap again", description=_RESEND, formatter_class=raw
    )
    resend.add_argument("gap", metavar="ID", type=whole_number(1, _ID_MAX), help="its number")
    resend.add_argument("file", metavar="FILE", help="its records, or - for standard input")
    closing = actions.add_parser("close", help="accept that records are lost, or counted otherwise")
    closing.add_argument(
        "gaps", metavar="ID", nargs="+", type=whole_number(1, _ID_MAX), help="their numbers"
    )
    closing.add_argument("--reason", required=True, metavar="TEXT", help="why; it is kept")
    closing.add_argument("--set-by", metavar="NAME", help="who does it (default: the account)")


def run(arguments: argparse.Namespace) -> int:
    """List, resend or close."""
    return {"list": _list, "resend": _resend, "close": _close}[arguments.action](arguments)


def _list(arguments: argparse.Namespace) -> int:
    from ledger.operations.gaps import describe_gap, list_gaps

    loaded = settings.load("database")
    gaps = _ask(loaded, lambda db: list_gaps(db, closed_too=arguments.all))
    for gap in gaps:
        print(describe_gap(gap))
    if not gaps:
        print("No gaps." if arguments.all else "No open gaps.")
    return 0


def _close(arguments: argparse.Namespace) -> int:
    from ledger.operations.gaps import close_gap

    reason = arguments.reason.strip()
    if not reason:
        raise CommandError("--reason must say why the gap is closed.")
    loaded = settings.load("database")
    by = arguments.set_by or account()
    for gap_id in arguments.gaps:
        if not _ask(loaded, partial(close_gap, gap_id=gap_id, by=by, reason=reason)):
            raise CommandError(f"There is no open gap {gap_id}; see cost-analytics gaps list.")
        print(f"Gap {gap_id} is closed.")
    return 0


def _resend(arguments: argparse.Namespace) -> int:
    from cost_analytics.gap_records import resend
    from cost_analytics.running import run_until_stopped
    from ledger.operations.gaps import find_gap

    loaded = settings.load("database", "kafka")
    gap = _ask(loaded, lambda db: find_gap(db, arguments.gap))
    if gap is None or gap.closed_at is not None:
        raise CommandError(f"There is no open gap {arguments.gap}; see cost-analytics gaps list.")
    print(run_until_stopped(lambda stop: resend(loaded.kafka, gap, arguments.file, stop)))
    return 0


def _ask(loaded: Settings, work: Callable[[Connection], Awaitable[T]]) -> T:
    """Return what `work` makes of a connection to the database."""
    from cost_analytics.running import run as run_loop
    from ledger.postgres.database import connected

    async def ask() -> T:
        async with connected(loaded.database_url.reveal(), name="cost-analytics gaps") as db:
            return await work(db)

    with using_database(loaded.database_url):
        return run_loop(ask())
