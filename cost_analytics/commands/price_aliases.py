"""`cost-analytics prices alias`: other names of models, such as those of deployments."""

from __future__ import annotations

import argparse
from typing import Final

from cost_analytics import settings
from cost_analytics.commands.listing import add_json, print_json
from cost_analytics.commands.options import add_set_by, utc_time
from cost_analytics.database_work import run_connected
from cost_analytics.failures import FAILED
from cost_analytics.files import account, input_name, read_text

_COMMAND: Final = "prices"

DESCRIPTION: Final = """\
Names under which a model is sent, such as those of your deployments. Usage of such a name has the
prices of the model while the alias is in force. An alias takes effect now or later, so recorded
costs keep their price; events without a price get one. docs/prices.md has the order in which names
are looked up.
"""
_IMPORT: Final = """\
Adds the aliases in FILE (or standard input: -), all of them or none. CSV with a first line of
column names: service, alias, model, and optionally effective_from (default: now) and source. An
empty model ends the alias.
"""


def configure(parser: argparse.ArgumentParser) -> None:
    """Declare the actions."""
    actions = parser.add_subparsers(dest="alias_action", metavar="list|add|import", required=True)
    list_parser = actions.add_parser("list", help="show aliases", description="Shows all aliases.")
    list_parser.add_argument("--service", metavar="S", help="only the aliases of this service")
    add_json(list_parser)
    add_parser = actions.add_parser("add", help="add or end an alias", description=DESCRIPTION)
    add_parser.add_argument("service", metavar="SERVICE")
    add_parser.add_argument("alias", metavar="ALIAS", help="the name as it is sent")
    add_parser.add_argument(
        "model", metavar="MODEL", nargs="?", help="its model; none ends the alias"
    )
    add_parser.add_argument(
        "--from", dest="since", type=utc_time, metavar="TIME", help="in force from (default: now)"
    )
    import_parser = actions.add_parser(
        "import", help="add aliases from a file", description=_IMPORT
    )
    import_parser.add_argument("file", metavar="FILE", help="CSV, or - for standard input")
    for changing in (add_parser, import_parser):
        add_set_by(changing)


def run(arguments: argparse.Namespace) -> int:
    """Run the action."""
    actions = {"list": _list, "add": _add, "import": _import}
    return actions[arguments.alias_action](arguments)


def _list(arguments: argparse.Namespace) -> int:
    loaded = settings.load("database")
    from cost_analytics.price_listing import aliases_table
    from ledger.postgres.database import Connection
    from ledger.prices.aliases import StoredAlias, list_aliases

    async def read(db: Connection) -> list[StoredAlias]:
        return await list_aliases(db, arguments.service)

    aliases = run_connected(loaded.database_url, _COMMAND, read)
    if arguments.json:
        return print_json(aliases)
    print(aliases_table(aliases) if aliases else "No aliases.")
    return 0


def _add(arguments: argparse.Namespace) -> int:
    fields = {
        "service": arguments.service,
        "alias": arguments.alias,
        "model": arguments.model or "",
        "effective_from": arguments.since.isoformat() if arguments.since else "",
    }
    return _enter([("the alias", fields)], "command line", arguments.set_by)


def _import(arguments: argparse.Namespace) -> int:
    from cost_analytics.price_files import alias_entries

    name = input_name(arguments.file)
    return _enter(alias_entries(read_text(arguments.file)), name, arguments.set_by)


def _enter(entries: list[tuple[str, dict[str, str]]], source: str, set_by: str | None) -> int:
    loaded = settings.load("database")
    from cost_analytics.csv_files import refuse
    from ledger.postgres.database import Connection
    from ledger.prices.aliases import InvalidAliasError, enter_aliases, new_alias

    aliases, errors = [], []
    for where, fields in entries:
        try:
            aliases.append(new_alias(fields, source=source))
        except InvalidAliasError as error:
            errors += [f"{where}: {reason}" for reason in error.reasons]
    refuse(errors, source)

    async def write(db: Connection) -> tuple[int, int]:
        return await enter_aliases(db, aliases, set_by=set_by or account())

    try:
        added, known = run_connected(loaded.database_url, _COMMAND, write)
    except InvalidAliasError as error:
        refuse(error.reasons, source)
        return FAILED
    print(f"{added} aliases added, {known} in force already.")
    return 0
