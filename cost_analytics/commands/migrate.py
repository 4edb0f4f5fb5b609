"""`cost-analytics migrate`: the newest schema; may be repeated, and run from many sides at once."""

from __future__ import annotations

import argparse
from typing import Final

from cost_analytics import settings
from cost_analytics.failures import using_database

DESCRIPTION: Final = """\
Brings the database at DATABASE_URL to the newest schema and creates the monthly partitions of the
coming months. Does nothing where nothing is missing. Several may run at once: one does the work
and the others wait for it. Run it before a new version of `worker` and `api` starts.
"""


def configure(parser: argparse.ArgumentParser) -> None:
    """Declare nothing: there is nothing to choose."""
    del parser


def run(arguments: argparse.Namespace) -> int:
    """Apply what is missing and say what was applied."""
    del arguments
    loaded = settings.load("database", login="migrate")
    from cost_analytics.running import run as run_loop
    from ledger.postgres.migrate import migrate

    with using_database(loaded.database_url):
        applied = run_loop(migrate(loaded.database_url.reveal(), report=print))
    print(f"{applied} applied." if applied else "The schema is up to date.")
    return 0
