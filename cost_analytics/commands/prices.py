"""`cost-analytics prices`: the price catalogue for API usage, infrastructure and fees."""

from __future__ import annotations

import argparse
import sys
from datetime import UTC, datetime
from typing import Final

from cost_analytics import settings
from cost_analytics.commands import price_aliases, price_lists
from cost_analytics.commands.listing import add_json, print_json
from cost_analytics.commands.options import add_set_by, utc_time, whole_number
from cost_analytics.database_work import run_connected, run_with_database
from cost_analytics.failures import FAILED, MISUSED, CommandError, using_database
from cost_analytics.files import account, input_name, read_text

_COMMAND: Final = "prices"

DESCRIPTION: Final = """\
The price catalogue. A price is in force from its effective_from until the next one of the same
service, operation, model, unit and conditions; events are priced by the price in force at their own
time.
"""
_LIST: Final = """\
Shows present and future prices. `prices list --csv >prices.csv` writes a file that `prices import`
reads; importing it again verifies all its prices. A price is stale if it was not verified for
90 days. Proposals that need approval are listed below the prices.
"""
_IMPORT: Final = """\
Adds the prices in FILE (or standard input: -), all of them or none. A price that exists already
is verified by it, so the same file can be imported repeatedly. A price that differs by more than
25 % from the price in force needs approval (`prices approve`), unless --approve is given. To change
a price, add a row with a later effective_from: prices that have priced events are never changed.

CSV with a first line of column names, or a JSON list of objects with these fields:

  service         twilio, deepgram, … as in events
  class           api (default), infrastructure, transaction or revenue
  operation       outbound_call, streaming_stt, inference, tts, …
  model           a model; * for any; empty for events without one (column missing: any)
  unit            minutes, seconds, tokens, input_tokens, output_tokens, characters, requests
  price_usd       for per_units of the unit
  per_units       1 (default), 1000, 1000000, …
  effective_from  2026-01-31 or 2026-01-31T12:00:00Z
  source          where the price was published (default: the name of the file)
  source_url      its https address
  source_date     the day on which it was published or read there, like 2026-01-31

for a price per time unit, the billing increments of a leg:

  minimum_seconds    the shortest billed duration, such as 60
  increment_seconds  the duration is rounded up to a multiple of this, such as 60

and, for a price with conditions (docs/prices.md), any of these:

  tier              batch, flex, priority, …; without one the price is for the standard tier
  input_size_above  only for requests with more input tokens than this
  direction         only for inbound or outbound legs
  destination       only to numbers with this prefix (+44) or to this country (GB)
  voice_class       only for voices of this class
  hours             only at 22:00-06:00 (UTC) or 22:00-06:00@Europe/London

and what is known of the retirement of the model, which changes no price:

  retires_on        2026-01-31, the day on which the vendor retires it
  is_deprecated     true if the vendor advises against it

Running workers use new prices within seconds. Recorded events keep their price until
`prices rerate` corrects them.
"""
_REFRESH: Final = """\
Reads prices from the sources in the file PRICE_SOURCES. An unchanged price is verified, a small
change takes effect immediately, a change of more than 25 % needs approval. If a source fails, the
others continue and the exit code is 1. docs/prices.md describes the file.
"""
_DECIDE: Final = """\
Approves or rejects a proposal by its ID in `prices list`. An approved price enters the catalogue
with its effective_from; a rejected one never counts.
"""
_RERATE: Final = """\
Corrects recorded costs after a price was entered late: each affected cost is voided and recorded
again with its own time and the new price; nothing is rewritten. First shows the changes: sums by
service, day and user, margins, and alerts that become due. With --dry-run it stops there. It can be
interrupted and repeated at any time; a second run changes nothing. Costs that emitters priced
themselves do not change, nor do fees, infrastructure shares and what users were charged; with
--charges, charges at cost plus a markup (`charge-plans`) follow the costs corrected by this run.
"""


def configure(parser: argparse.ArgumentParser) -> None:
    """Declare the actions."""
    metavar = "list|import|load|refresh|approve|reject|rerate|alias"
    actions = parser.add_subparsers(dest="action", metavar=metavar, required=True)
    list_parser = actions.add_parser("list", help="show prices", description=_LIST)
    list_parser.add_argument("--service", metavar="S", help="only the prices of this service")
    list_parser.add_argument("--all", action="store_true", help="also past prices")
    list_parser.add_argument("--csv", action="store_true", help="write CSV that can be imported")
    add_json(list_parser)
    import_parser = actions.add_parser("import", help="add prices from a file", description=_IMPORT)
    import_parser.add_argument("file", metavar="FILE", help="CSV or JSON, or - for standard input")
    import_parser.add_argument("--approve", action="store_true", help="approve large changes")
    load_parser = actions.add_parser(
        "load", help="load a ready price list", description=price_lists.DESCRIPTION
    )
    price_lists.configure(load_parser)
    alias = actions.add_parser(
        "alias", help="other names of models", description=price_aliases.DESCRIPTION
    )
    price_aliases.configure(alias)
    refresh = actions.add_parser(
        "refresh", help="refresh prices from their sources", description=_REFRESH
    )
    refresh.add_argument("--source", metavar="NAME", help="only this source")
    refresh.add_argument("--dry-run", action="store_true", help="only show what would be done")
    for name, summary in (("approve", "approve a proposal"), ("reject", "reject a proposal")):
        decide_parser = actions.add_parser(name, help=summary, description=_DECIDE)
        decide_parser.add_argument("id", metavar="ID", type=whole_number(1, 2**31 - 1))
        add_set_by(decide_parser)
    add_set_by(import_parser)
    rerate = actions.add_parser(
        "rerate", help="correct recorded costs after a price change", description=_RERATE
    )
    rerate.add_argument("--from", dest="since", type=utc_time, metavar="TIME", required=True)
    rerate.add_argument("--to", dest="until", type=utc_time, metavar="TIME", help="default: now")
    rerate.add_argument("--service", metavar="S", help="only costs of this service")
    rerate.add_argument(
        "--charges",
        action="store_true",
        help="charges at cost plus a markup follow the corrected costs",
    )
    rerate.add_argument("--dry-run", action="store_true", help="only show what would change")


def run(arguments: argparse.Namespace) -> int:
    """Run the action."""
    actions = {
        "list": _list,
        "import": _import,
        "load": price_lists.run,
        "alias": price_aliases.run,
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
    from ledger.postgres.database import Connection
    from ledger.prices.entry import ListedPrice, list_prices
    from ledger.prices.proposals import Proposal, list_proposals

    now = datetime.now(UTC)

    async def read(db: Connection) -> tuple[list[ListedPrice], list[Proposal]]:
        prices = await list_prices(db, at=now, service=arguments.service)
        return prices, await list_proposals(db, arguments.service)

    prices, pending = run_connected(loaded.database_url, _COMMAND, read)
    shown = [price for price in prices if arguments.all or price.state != "past"]
    if arguments.json:
        return print_json([*shown, *pending])
    if arguments.csv:
        sys.stdout.write(as_csv(shown))
        return 0
    print(as_table(shown, now) if shown else "No prices.")
    if pending:
        print(f"\nPending approval:\n{proposals_table(pending)}")
    return 0


def _import(arguments: argparse.Namespace) -> int:
    loaded = settings.load("database")
    from cost_analytics.csv_files import refuse
    from cost_analytics.price_files import read_prices
    from cost_analytics.price_listing import proposals_table
    from ledger.postgres.database import Connection
    from ledger.prices.entry import EntryResult, PriceConflictError, enter_prices

    name = input_name(arguments.file)
    rows = read_prices(read_text(arguments.file), name)
    set_by = arguments.set_by or account()

    async def write(db: Connection) -> EntryResult:
        return await enter_prices(db, rows, set_by=set_by, approved=arguments.approve)

    try:
        entered = run_connected(loaded.database_url, _COMMAND, write)
    except PriceConflictError as error:
        refuse(error.reasons, name)
        return FAILED
    print(f"{entered.added} prices added, {entered.verified} existed already.")
    if entered.pending:
        print(f"Pending approval:\n{proposals_table(entered.pending)}")
    if entered.added and any(row.effective_from <= datetime.now(UTC) for row in rows):
        print("Prices in force apply to new events; `prices rerate` corrects recorded ones.")
    return 0


def _refresh(arguments: argparse.Namespace) -> int:
    loaded = settings.load("database", "prices")
    from streams.prices.configured import SourcesError, read_sources
    from streams.prices.refresh import refresh_prices

    if loaded.prices.sources is None:
        raise CommandError(
            "PRICE_SOURCES is not set, so there are no sources (docs/prices.md).", MISUSED
        )
    try:
        sources = read_sources(loaded.prices.sources)
    except SourcesError as error:
        raise CommandError(str(error), MISUSED) from None
    if arguments.source is not None:
        sources = [source for source in sources if source.name == arguments.source]
        if not sources:
            raise CommandError(f"There is no source {arguments.source}.", MISUSED)
    url = loaded.database_url
    refreshing = refresh_prices(url.reveal(), sources, dry_run=arguments.dry_run)
    results = run_with_database(url, refreshing)
    if results is None:
        raise CommandError("Another process is refreshing prices; try again in a minute.")
    for result in results:
        print(
            result.error
            or f"{result.source}: {result.verified} verified, {result.added} added, "
            f"{result.pending} pending."
        )
    return FAILED if any(result.error for result in results) else 0


def _decide(arguments: argparse.Namespace) -> int:
    loaded = settings.load("database")
    from ledger.postgres.database import Connection
    from ledger.prices.approval import decide
    from ledger.prices.entry import PriceConflictError
    from ledger.prices.proposals import Decision, NoProposalError, Proposal

    decision: Decision = "approved" if arguments.action == "approve" else "rejected"
    by = arguments.set_by or account()

    async def write(db: Connection) -> Proposal:
        return await decide(db, arguments.id, decision, decided_by=by)

    try:
        decided = run_connected(loaded.database_url, _COMMAND, write)
    except NoProposalError:
        raise CommandError(
            f"There is no pending proposal {arguments.id}; see `prices list`."
        ) from None
    except PriceConflictError as error:
        raise CommandError(f"Proposal {arguments.id}: {error}".rstrip(".") + ".") from None
    print(f"{decision.capitalize()}: {decided.row.name}.")
    return 0


def _rerate(arguments: argparse.Namespace) -> int:
    loaded = settings.load("database", "budget")
    from cost_analytics.rerating import rerate
    from cost_analytics.running import run_until_stopped
    from ledger.repricing.repricer import Repricer
    from ledger.repricing.rows import RepricingScope

    scope = RepricingScope(arguments.since, arguments.until or datetime.now(UTC), arguments.service)
    if scope.since >= scope.until:
        raise CommandError("--from must be before --to.", MISUSED)
    repricer = Repricer(loaded.database_url.reveal(), loaded.budget.basis)
    with using_database(loaded.database_url):
        return run_until_stopped(
            lambda stop: rerate(
                repricer,
                scope,
                stop,
                dry_run=arguments.dry_run,
                changes_charges=arguments.charges,
                print_line=print,
            )
        )
