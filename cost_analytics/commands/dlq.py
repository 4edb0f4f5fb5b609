"""`cost-analytics dlq`: lists refused events and sends them again."""

from __future__ import annotations

import argparse
from functools import partial
from typing import Final

from cost_analytics import settings
from cost_analytics.commands.listing import add_json, as_json
from cost_analytics.commands.options import whole_number
from cost_analytics.database_work import run_connected
from cost_analytics.failures import using_database
from schemas.refusals import REFUSAL_CODES, STORED_CODES

DESCRIPTION: Final = f"""\
Refused events. Each is stored with its original bytes, key, headers and the reason, in the
database and on the topic cost.call-events.v1.dlq.

Codes: {", ".join(REFUSAL_CODES)}. Earlier releases also refused events without
a price, as unknown_price; they are recorded now, so send them again.
"""
_LIST: Final = """\
Shows how many events were refused with each code, then the newest ones. Exits with code 0, with
or without refused events.
"""
_REPLAY: Final = """\
Sends refused events to their topic again, unchanged, oldest first, and marks each as soon as Kafka
has acknowledged it. Use it after the cause was fixed. An event that is refused again reappears in
the list. Sending an event twice is harmless.
"""


def configure(parser: argparse.ArgumentParser) -> None:
    """Declare the actions."""
    actions = parser.add_subparsers(dest="action", metavar="list|replay", required=True)
    list_parser = actions.add_parser("list", help="show refused events", description=_LIST)
    replay = actions.add_parser("replay", help="send refused events again", description=_REPLAY)
    for action in (list_parser, replay):
        action.add_argument("--code", choices=STORED_CODES, help="only those with this code")
    list_parser.add_argument(
        "--limit",
        type=whole_number(0, 1_000_000),
        default=20,
        metavar="N",
        help="show at most N events (default: 20)",
    )
    list_parser.add_argument("--all", action="store_true", help="also events that were sent again")
    add_json(list_parser)
    replay.add_argument(
        "--limit", type=whole_number(1, 10**9), metavar="N", help="send at most N (default: all)"
    )
    replay.add_argument("--dry-run", action="store_true", help="only show how many would be sent")


def run(arguments: argparse.Namespace) -> int:
    """List or replay."""
    return _list(arguments) if arguments.action == "list" else _replay(arguments)


def _list(arguments: argparse.Namespace) -> int:
    loaded = settings.load("database")
    from cost_analytics.dead_letters import show

    listing = partial(
        show,
        code=arguments.code,
        limit=arguments.limit,
        include_replayed=arguments.all,
        print_line=print,
        as_json=as_json if arguments.json else None,
    )
    run_connected(loaded.database_url, "dlq", listing)
    return 0


def _replay(arguments: argparse.Namespace) -> int:
    dry_run: bool = arguments.dry_run
    loaded = settings.load("database") if dry_run else settings.load("database", "kafka")
    from cost_analytics.dead_letters import replay
    from cost_analytics.running import run_until_stopped
    from ledger.operations.dead_letters import count_pending

    if dry_run:
        counting = partial(count_pending, code=arguments.code)
        number = run_connected(loaded.database_url, "dlq", counting)
        print(f"{min(number, arguments.limit or number)} events would be sent again.")
        return 0
    with using_database(loaded.database_url):
        print(run_until_stopped(lambda stop: replay(loaded, arguments.code, arguments.limit, stop)))
    return 0
