"""`cost-analytics verify`: compares every total with the sum of the recorded events."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Final

from cost_analytics import settings
from cost_analytics.archives import using_archive
from cost_analytics.database_work import run_with_database
from cost_analytics.failures import FAILED

DESCRIPTION: Final = """\
Recomputes every total from the recorded events and compares it with the stored total. Prints what
was checked, the number of differences and the first ones, and the open gaps: records that Kafka
lost before they were counted. Exits with code 0 only if there are no differences, no open gaps and
no missing roles, row policies or rights of our processes in the database. It reads one consistent
state of the database and changes nothing, so it can run at any time, beside running workers.
Archived months are represented by their seals; with --archive each seal is recomputed from its
file, and the file's digest is checked. Repair differences with `cost-analytics rebuild`, gaps with
`cost-analytics gaps`.
"""
ARCHIVE_HELP: Final = "the directory of the archived months: recompute their seals from the files"
_GAPS: Final = (
    "Open gaps: {}. Send the records again with `cost-analytics gaps resend ID FILE`, or accept "
    "the loss with `cost-analytics gaps close ID --reason TEXT`."
)
_PROBLEMS_MAX: Final = 20


def configure(parser: argparse.ArgumentParser) -> None:
    """Declare the directory of archived months."""
    parser.add_argument("--archive", metavar="DIR", type=Path, help=ARCHIVE_HELP)


def run(arguments: argparse.Namespace) -> int:
    """Verify and report."""
    loaded = settings.load("database")
    from cost_analytics.progress import print_progress
    from ledger.operations.archive_checks import verify_archive
    from ledger.operations.gaps import describe_gap
    from ledger.operations.verification import Verification, verify

    async def work() -> Verification:
        url = loaded.database_url.reveal()
        result = await verify(url, print_progress)
        if arguments.archive is not None:
            await verify_archive(url, arguments.archive, result, print_progress)
        return result

    with using_archive():
        result = run_with_database(loaded.database_url, work())
    for line in result.lines:
        print(line)
    checked = ", ".join(f"{number:,} {subject}" for subject, number in result.checked.items())
    print(f"Checked {checked}.")
    print(f"Differences: {result.differences}")
    for gap in result.gaps:
        print(describe_gap(gap))
    if result.gaps:
        print(_GAPS.format(len(result.gaps)))
    for problem in result.access_problems[:_PROBLEMS_MAX]:
        print(problem)
    if result.access_problems:
        print("Not every process can read the database; run `cost-analytics migrate`.")
    return FAILED if result.differences or result.gaps or result.access_problems else 0
