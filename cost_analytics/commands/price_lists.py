"""`cost-analytics prices load`: ready price lists of models."""

from __future__ import annotations

import argparse
from datetime import UTC, datetime
from typing import Final

from cost_analytics import settings
from cost_analytics.commands.options import add_set_by, utc_time
from cost_analytics.files import account

DESCRIPTION: Final = """\
Loads the prices of a ready list:

  genai-prices  the list of the package genai-prices, which is installed with
                pip install 'cost-analytics[genai-prices]'; or its JSON from FILE or URL; or, with
                --update, the newest one of its publisher
  litellm       model_prices_and_context_window.json of LiteLLM, from FILE or URL
  voice         list prices of speech and telephony, which come with this release; each has its
                source and is in force from the date of that source

Nothing is read from the network without a URL or --update. Prices equal to those in force are
verified, small changes take effect, a change of more than 25 % needs approval. What cannot be read
exactly is left out and counted by reason. docs/prices.md says how to get the files without network.
"""


def configure(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments."""
    parser.add_argument(
        "form",
        metavar="genai-prices|litellm|voice",
        choices=("genai-prices", "litellm", "voice"),
        help="the list",
    )
    parser.add_argument(
        "place", metavar="FILE|URL", nargs="?", help="where the list is, or - for standard input"
    )
    parser.add_argument(
        "--update", action="store_true", help="read genai-prices from its publisher"
    )
    parser.add_argument(
        "--service", metavar="S", action="append", default=[], help="only this service; repeatable"
    )
    parser.add_argument(
        "--from",
        dest="since",
        type=utc_time,
        metavar="TIME",
        help="no prices from before; those without a date are in force from then (default: now)",
    )
    parser.add_argument("--dry-run", action="store_true", help="only show what would change")
    parser.add_argument("--approve", action="store_true", help="approve large changes")
    add_set_by(parser)


def run(arguments: argparse.Namespace) -> int:
    """Load the list, or show what loading it would change."""
    loaded = settings.load("database")
    from cost_analytics import price_loading

    since = arguments.since or datetime.now(UTC)
    request = price_loading.ListRequest(
        arguments.form, arguments.place, tuple(arguments.service), update=arguments.update
    )
    found = price_loading.read_list(request, since)
    if arguments.since is not None:
        rows = price_loading.rows_since(found.rows, since, form=arguments.form)
        found = found._replace(rows=rows)
    print(price_loading.summarize(found))
    if arguments.dry_run:
        print(price_loading.preview(loaded.database_url, found.rows))
        return 0
    by, approved = arguments.set_by or account(), arguments.approve
    print(price_loading.load(loaded.database_url, found.rows, set_by=by, approved=approved))
    return 0
