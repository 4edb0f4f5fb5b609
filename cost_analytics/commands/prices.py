"""`cost-analytics prices`: the catalogue that API usage, infrastructure and fees are priced by."""

from __future__ import annotations

import argparse
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

from cost_analytics import settings
from cost_analytics.commands.options import moment, whole_number
from cost_analytics.failures import FAILED, MISUSED, CommandError, using_database
from cost_analytics.files import account, read_text

_NAME: Final = "cost-analytics prices"

DESCRIPTION: Final = """\
The price catalogue. A price is in force from its effective_from until the next one of the same
service, operation, model and unit; events are priced by what was in force at their own time.
"""
_LIST: Final = """\
Shows the prices in force now and those to come. `prices list --csv >prices.csv` writes a file that
`prices import` reads; importing it again verifies all of them. A price that nobody has verified for
90 days is stale. What waits for approval is listed below the prices.
"""
_IMPORT: Final = """\
Adds the prices in FILE (or standard input: -), all of them or none. A price that is there already
counts as verified, so the same file may be imported twice. One that differs by more than 25 % from
the price in force waits for approval (`prices approve`), unless --approve is given. A changed price
is a new row with a later effective_from: what was in force has priced events, and stays.

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

Running workers notice within seconds. Events that were recorded before keep the price they got,
until `prices rerate` corrects them.
"""
_REFRESH: Final = """\
Asks the sources in the file PRICE_SOURCES. A price that is unchanged counts as verified, a small
change is entered from now on, a change of more than 25 % waits for approval. A source that fails
stops none of the others, and makes the exit code 1. docs/prices.md describes the file.
"""
_DECIDE: Final = """\
Decides a price that waits, by its number in `prices list`. An approved one enters the catalogue,
with the effective_from it was proposed with; a rejected one never counts.
"""
_RERATE: Final = """\
Corrects recorded costs for which another price of the catalogue is in force now, because it was
entered later: each is voided and recorded anew at its own time, and nothing is rewritten. Shows
first what changes: sums by service, day and user, margins, and alerts that become due. With
--dry-run that is all. It may be stopped and started again at any time; applied twice it changes
nothing. Costs that emitters priced themselves stay, and so do fees, shares and default charges.
"""


def configure(parser: argparse.ArgumentParser) -> None:
    """Declare what can be done with prices."""
    raw = argparse.RawDescriptionHelpFormatter
    metavar = "list|import|refresh|approve|reject|rerate"
    actions = parser.add_subparsers(dest="action", metavar=metavar, required=True)
    listing = actions.add_parser("list", help="show prices", description=_LIST, formatter_class=raw)
    listing.add_argument("--service", metavar="S", help="only the prices of this service")
    listing.add_argument("--all", action="store_true", help="also prices that others replaced")
    listing.add_argument("--csv", action="store_true", help="write CSV that can be imported")
    adding = actions.add_parser(
        "import", help="add prices from a file", description=_IMPORT, formatter_class=raw
    )
    adding.add_argument("file", metavar="FILE", help="CSV or JSON, or - for standard input")
    adding.add_argument("--approve", action="store_true", help="enter large changes at once")
    refresh = actions.add_parser(
        "refresh", help="ask the sources of prices", description=_REFRESH, formatter_class=raw
    )
    refresh.add_argument("--source", metavar="NAME", help="only this source")
    refresh.add_argument("--dry-run", action="store_true", help="only say what would be done")
    for name, what in (("approve", "let a price in"), ("reject", "keep a price out")):
        deciding = actions.add_parser(name, help=what, description=_DECIDE, formatter_class=raw)
        deciding.add_argument("id", metavar="ID", type=whole_number(1, 2**31 - 1))
        _add_set_by(deciding)
    _add_set_by(adding)
    rerate = actions.add_parser(
        "rerate", help="correct costs by late prices", description=_RERATE, formatter_class=raw
    )
    rerate.add_argument("--from", dest="since", type=moment, metavar="TIME", required=True)
    rerate.add_argument("--to", dest="until", type=moment, metavar="TIME", help="default: now")
    rerate.add_argument("--service", metavar="S", help="only costs of this service")
    rerate.add_argument("--dry-run", action="store_true", help="only say what would change")


def _add_set_by(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--set-by", metavar="NAME", help="who does it (default: the account)")


def run(arguments: argparse.Namespace) -> int:
    """Do what is asked for."""
    actions = {
        "list": _list,
        "import": _import,
        "refresh": _refresh,
        "approve": _decide,
        "reject": _decide,
        "rerate": _rerate,
    }
    return actions[arguments.action](arguments)


def _list(arguments: argparse.Namespace) -> int:
    loaded = settings.load("database")
    from cost_analytics.price_files import as_csv
    from cost_analytics.price_listing import as_table, proposals_table
    from cost_analytics.running import run as run_loop
    from ledger.postgres.database import connected
    from ledger.prices.entry import ListedPrice, list_prices
    from ledger.prices.proposals import Proposal, list_proposals

    now = datetime.now(UTC)

    async def read() -> tuple[list[ListedPrice], list[Proposal]]:
        async with connected(loaded.database_url.reveal(), name=_NAME) as db:
            prices = await list_prices(db, at=now, service=arguments.service)
            return prices, await list_proposals(db, arguments.service)

    with using_database(loaded.database_url):
        prices, waiting = run_loop(read())
    shown = [price for price in prices if arguments.all or price.state != "past"]
    if arguments.csv:
        sys.stdout.write(as_csv(shown))
        return 0
    print(as_table(shown, now) if shown else "No prices.")
    if waiting:
        print(f"\nWaiting for approval:\n{proposals_table(waiting)}")
    return 0


def _import(arguments: argparse.Namespace) -> int:
    loaded = settings.load("database")
    from cost_analytics.price_files import read_prices, refuse
    from cost_analytics.price_listing import proposals_table
    from cost_analytics.running import run as run_loop
    from ledger.postgres.database import connected
    from ledger.prices.entry import EntryResult, PriceConflictError, enter_prices

    name = "standard input" if arguments.file == "-" else Path(arguments.file).name
    rows = read_prices(read_text(arguments.file), name)
    set_by = arguments.set_by or account()

    async def write() -> EntryResult:
        async with connected(loaded.database_url.reveal(), name=_NAME) as db:
            return await enter_prices(db, rows, set_by=set_by, approved=arguments.approve)

    try:
        with using_database(loaded.database_url):
            entered = run_loop(write())
    except PriceConflictError as error:
        refuse(error.reasons, name)
        return FAILED
    print(f"{entered.added} prices added, {entered.verified} were there already.")
    if entered.waiting:
        print(f"Waiting for approval:\n{proposals_table(entered.waiting)}")
    if entered.added and any(row.effective_from <= datetime.now(UTC) for row in rows):
        print("Those in force price events from now on; `prices rerate` corrects recorded ones.")
    return 0


def _refresh(arguments: argparse.Namespace) -> int:
    loaded = settings.load("database", "prices")
    from cost_analytics.running import run as run_loop
    from streams.prices.configured import SourcesError, read_sources
    from streams.prices.refresh import refresh_prices

    if loaded.prices.sources is None:
        raise CommandError(
            "PRICE_SOURCES is not set: no source is known (docs/prices.md).", MISUSED
        )
    try:
        sources = read_sources(loaded.prices.sources)
    except SourcesError as error:
        raise CommandError(str(error), MISUSED) from None
    if arguments.source is not None:
        sources = [source for source in sources if source.name == arguments.source]
        if not sources:
            raise CommandError(f"There is no source {arguments.source}.", MISUSED)
    url = loaded.database_url.reveal()
    with using_database(loaded.database_url):
        results = run_loop(refresh_prices(url, sources, dry_run=arguments.dry_run))
    if results is None:
        raise CommandError("Somebody else refreshes prices at the moment.")
    for one in results:
        print(
            one.error
            or f"{one.source}: {one.verified} verified, {one.added} added, {one.waiting} wait."
        )
    return FAILED if any(one.error for one in results) else 0


def _decide(arguments: argparse.Namespace) -> int:
    loaded = settings.load("database")
    from cost_analytics.running import run as run_loop
    from ledger.postgres.database import connected
    from ledger.prices.approval import DecidedError, decide
    from ledger.prices.entry import PriceConflictError
    from ledger.prices.proposals import Decision, NoProposalError, Proposal

    decision: Decision = "approved" if arguments.action == "approve" else "rejected"
    by = arguments.set_by or account()

    async def write() -> Proposal:
        async with connected(loaded.database_url.reveal(), name=_NAME) as db:
            return await decide(db, arguments.id, decision, decided_by=by)

    try:
        with using_database(loaded.database_url):
            decided = run_loop(write())
    except NoProposalError:
        raise CommandError(f"No price with the number {arguments.id} waits.") from None
    except (DecidedError, PriceConflictError) as error:
        raise CommandError(f"Price {arguments.id}: {error}".rstrip(".") + ".") from None
    print(f"{decision.capitalize()}: {decided.row.name}.")
    return 0


def _rerate(arguments: argparse.Namespace) -> int:
    loaded = settings.load("database", "budget")
    from cost_analytics.rerating import rerate
    from cost_analytics.running import run_until_stopped
    from ledger.repricing.repricer import Repricer
    from ledger.repricing.rows import RepricingScope

    wanted = RepricingScope(
        arguments.since, arguments.until or datetime.now(UTC), arguments.service
    )
    if wanted.since >= wanted.until:
        raise CommandError("--from must be before --to.", MISUSED)
    repricer = Repricer(loaded.database_url.reveal(), loaded.budget.basis)
    with using_database(loaded.database_url):
        return run_until_stopped(
            lambda stop: rerate(repricer, wanted, stop, dry_run=arguments.dry_run, say=print)
        )
