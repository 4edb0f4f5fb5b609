"""`cost-analytics prices`: the catalogue that API usage, infrastructure and fees are priced by."""

from __future__ import annotations

import argparse
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

from cost_analytics import settings
from cost_analytics.failures import using_database
from cost_analytics.files import account, read_text

DESCRIPTION: Final = """\
The price catalogue. A price is in force from its effective_from until the next one of the same
service, operation, model and unit; events are priced by what was in force at their own time.
"""
_LIST: Final = """\
Shows the prices in force now and those to come. `prices list --csv >prices.csv` writes a file that
`prices import` reads.
"""
_IMPORT: Final = """\
Adds the prices in FILE (or standard input: -), all of them or none. A price that is there already
is left alone, so the same file may be imported twice. A changed price is a new row with a later
effective_from: what was in force has priced events, and stays.

CSV with a first line of column names, or a JSON list of objects with these fields:

  service         twilio, deepgram, … as events name it
  class           api (default), infrastructure, transaction or revenue
  operation       outbound_call, streaming_stt, inference, tts, …
  model           a model; * for any; empty for events that name none (column missing: any)
  unit            minutes, seconds, tokens, input_tokens, output_tokens, characters, requests
  price_usd       for per_units of the unit
  per_units       1 (default), 1000, 1000000, …
  effective_from  2026-01-31 or 2026-01-31T12:00:00Z
  source          where the price was published (default: the name of the file)

Running workers notice within seconds. Events that were recorded before keep the price they got.
"""


def configure(parser: argparse.ArgumentParser) -> None:
    """Declare `list` and `import`."""
    raw = argparse.RawDescriptionHelpFormatter
    actions = parser.add_subparsers(dest="action", metavar="list|import", required=True)
    listing = actions.add_parser("list", help="show prices", description=_LIST, formatter_class=raw)
    listing.add_argument("--service", metavar="S", help="only the prices of this service")
    listing.add_argument("--all", action="store_true", help="also prices that others replaced")
    listing.add_argument("--csv", action="store_true", help="write CSV that can be imported")
    adding = actions.add_parser(
        "import", help="add prices from a file", description=_IMPORT, formatter_class=raw
    )
    adding.add_argument("file", metavar="FILE", help="CSV or JSON, or - for standard input")
    adding.add_argument(
        "--set-by", metavar="NAME", help="who enters them (default: the account's name)"
    )


def run(arguments: argparse.Namespace) -> int:
    """List or import."""
    return _list(arguments) if arguments.action == "list" else _import(arguments)


def _list(arguments: argparse.Namespace) -> int:
    loaded = settings.load("database")
    from cost_analytics.price_files import as_csv, as_table
    from cost_analytics.running import run as run_loop
    from ledger.store.database import connected
    from ledger.store.price_entry import ListedPrice, list_prices

    async def read() -> list[ListedPrice]:
        async with connected(loaded.database_url.reveal(), name="cost-analytics prices") as db:
            return await list_prices(db, at=datetime.now(UTC), service=arguments.service)

    with using_database(loaded.database_url):
        prices = run_loop(read())
    shown = [price for price in prices if arguments.all or price.state != "past"]
    if arguments.csv:
        sys.stdout.write(as_csv(shown))
    elif shown:
        print(as_table(shown))
    else:
        print("No prices.")
    return 0


def _import(arguments: argparse.Namespace) -> int:
    loaded = settings.load("database")
    from cost_analytics.price_files import read_prices, refuse
    from cost_analytics.running import run as run_loop
    from ledger.store.database import connected
    from ledger.store.price_entry import PriceConflictError, add_prices

    name = "standard input" if arguments.file == "-" else Path(arguments.file).name
    rows = read_prices(read_text(arguments.file), name)

    async def write() -> int:
        async with connected(loaded.database_url.reveal(), name="cost-analytics prices") as db:
            return await add_prices(db, rows, set_by=arguments.set_by or account())

    try:
        with using_database(loaded.database_url):
            added = run_loop(write())
    except PriceConflictError as error:
        refuse(error.reasons, name)
    else:
        print(f"{added} prices added, {len(rows) - added} were there already.")
        if added and any(row.effective_from <= datetime.now(UTC) for row in rows):
            print("Those in force already price events from now on; recorded ones keep theirs.")
    return 0
