"""`cost-analytics migrate`: migrates the schema; can be repeated and run concurrently."""

from __future__ import annotations

import argparse
from typing import Final

from cost_analytics import settings
from cost_analytics.commands.options import no_arguments
from cost_analytics.database_work import run_with_database

DESCRIPTION: Final = """\
Migrates the database at DATABASE_URL to the newest schema and creates the monthly partitions of the
coming months. Does nothing if the schema is up to date. Concurrent runs are safe: one does the
work, the others wait for it. Run it before a new version of `worker` and `api` starts.
"""

configure: Final = no_arguments


def run(arguments: argparse.Namespace) -> int:
    """Apply the missing migrations and report them."""
    del arguments
    url = settings.load("database", login="migrate").database_url
    from ledger.postgres.migrate import migrate

    applied = run_with_database(url, migrate(url.reveal(), report=print))
    print(f"{applied} applied." if applied else "The schema is up to date.")
    return 0
