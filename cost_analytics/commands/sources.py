"""`cost-analytics sources`: which service may send events of a source over HTTP."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING, Final

from cost_analytics import settings
from cost_analytics.commands.listing import add_json, print_rows
from cost_analytics.database_work import run_connected
from cost_analytics.failures import CommandError

if TYPE_CHECKING:
    from ledger.operations.sources import OwnedSource

_COMMAND: Final = "sources"

DESCRIPTION: Final = """\
A source of events belongs to the service that first sent it to POST /api/costs/events; a service is
the user of its token. Emitters that write to Kafka directly are not checked.
"""


def configure(parser: argparse.ArgumentParser) -> None:
    """Declare the actions."""
    actions = parser.add_subparsers(dest="action", metavar="list|give", required=True)
    list_parser = actions.add_parser("list", help="show sources and the services that own them")
    list_parser.add_argument("--subject", metavar="NAME", help="only those of this service")
    add_json(list_parser)
    give_parser = actions.add_parser("give", help="make a service the owner of a source")
    give_parser.add_argument("source", metavar="SOURCE", help="the `source` of the events")
    give_parser.add_argument(
        "--subject", required=True, metavar="NAME", help="the user of its token"
    )


def run(arguments: argparse.Namespace) -> int:
    """List or give."""
    return {"list": _list, "give": _give}[arguments.action](arguments)


def _list(arguments: argparse.Namespace) -> int:
    from ledger.operations.sources import list_sources

    url = settings.load("database").database_url
    sources = run_connected(url, _COMMAND, lambda db: list_sources(db, arguments.subject))
    return print_rows(arguments, sources, _line, none="No sources.")


def _line(owned: OwnedSource) -> str:
    return f"{owned.source}  {owned.subject}  since {owned.owned_since:%Y-%m-%d %H:%M}Z"


def _give(arguments: argparse.Namespace) -> int:
    from api.http.identifiers import identifier_error
    from ledger.operations.sources import give_source

    for name, text in (("SOURCE", arguments.source), ("--subject", arguments.subject)):
        if (flaw := identifier_error(text)) is not None:
            raise CommandError(f"{name} {flaw}.")
    url, subject = settings.load("database").database_url, arguments.subject
    before = run_connected(url, _COMMAND, lambda db: give_source(db, arguments.source, subject))
    was = "" if before in {None, subject} else f"; it belonged to {before}"
    print(f"{arguments.source} belongs to {subject}{was}.")
    return 0
