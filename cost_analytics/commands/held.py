"""`cost-analytics held`: calls whose events wait for a user."""

from __future__ import annotations

import argparse
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Final

from cost_analytics import settings
from cost_analytics.commands.listing import add_json, print_rows
from cost_analytics.database_work import run_connected
from cost_analytics.failures import CommandError

if TYPE_CHECKING:
    from ledger.operations.held_calls import HeldCallRow

_COMMAND: Final = "held"
LISTED_MAX: Final = 1_000

DESCRIPTION: Final = """\
Events of a call without a known user are held, and counted as soon as an event names the user.
Webhooks of vendors may name no user. `assign` names the user of a call: all its events, held and
later ones, are counted for this user, each once.
"""


def configure(parser: argparse.ArgumentParser) -> None:
    """Declare the actions."""
    actions = parser.add_subparsers(dest="action", metavar="list|assign", required=True)
    add_json(actions.add_parser("list", help=f"show up to {LISTED_MAX} calls with held events"))
    assign_parser = actions.add_parser("assign", help="name the user of a call")
    assign_parser.add_argument("call", metavar="CALL", help="the id of the call")
    assign_parser.add_argument("--user", required=True, metavar="USER", help="the user of the call")


def run(arguments: argparse.Namespace) -> int:
    """List or assign."""
    return {"list": _list, "assign": _assign}[arguments.action](arguments)


def _list(arguments: argparse.Namespace) -> int:
    from ledger.operations.held_calls import list_held_calls_as_operator

    url = settings.load("database").database_url
    calls = run_connected(url, _COMMAND, lambda db: list_held_calls_as_operator(db, LISTED_MAX))
    return print_rows(arguments, calls, _line, none="No held events.")


def _line(call: HeldCallRow) -> str:
    return (
        f"{call.call_id}  {call.events} events ({', '.join(call.types)})  "
        f"of {', '.join(call.sources)}  since {call.held_at:%Y-%m-%d %H:%M}Z"
    )


def _assign(arguments: argparse.Namespace) -> int:
    from api.http.identifiers import identifier_error
    from api.intake.owner_events import owner_event
    from cost_analytics.running import run
    from cost_analytics.sending import send_event
    from ledger.operations.held_calls import list_held_calls_as_operator

    call_id, user_id = arguments.call, arguments.user
    for name, text in (("CALL", call_id), ("--user", user_id)):
        if (flaw := identifier_error(text)) is not None:
            raise CommandError(f"{name} {flaw}.")
    loaded = settings.load("database", "kafka")
    held = run_connected(
        loaded.database_url, _COMMAND, lambda db: list_held_calls_as_operator(db, 1, call_id)
    )
    if not held:
        raise CommandError(f"Call {call_id} has no held events; `cost-analytics held list`.")
    event = owner_event(call_id, user_id, datetime.now(UTC))
    run(send_event(loaded.kafka, event.outgoing))
    print(f"Call {call_id} belongs to {user_id}; its {held[0].events} held events are counted.")
    return 0
