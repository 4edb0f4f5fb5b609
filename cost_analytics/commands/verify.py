"""`cost-analytics verify`: whether every total is what the recorded events add up to."""

from __future__ import annotations

import argparse
from typing import Final

from cost_analytics import settings
from cost_analytics.failures import FAILED, using_database

DESCRIPTION: Final = """\
Recomputes every total from the recorded events and compares it with what is kept. Prints what was
checked, the first differences and their number; ends with code 0 only when there are none. It
reads one consistent state of the database and changes nothing, so it may run at any time, beside
running workers. Differences are mended with `cost-analytics rebuild`.
"""


def configure(parser: argparse.ArgumentParser) -> None:
    """Declare nothing: everything is verified."""
    del parser


def run(arguments: argparse.Namespace) -> int:
    """Verify and report."""
    del arguments
    loaded = settings.load("database")
    from cost_analytics.progress import plain_reporter
    from cost_analytics.running import run as run_loop
    from ledger.store.verification import verify

    with using_database(loaded.database_url):
        found = run_loop(verify(loaded.database_url.reveal(), plain_reporter()))
    for line in found.lines:
        print(line)
    checked = ", ".join(f"{number:,} {what}" for what, number in found.checked.items())
    print(f"Checked {checked}.")
    print(f"Differences: {found.differences}")
    return FAILED if found.differences else 0
