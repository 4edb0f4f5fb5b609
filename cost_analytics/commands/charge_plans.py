"""`cost-analytics charge-plans`: what users are charged for calls."""

from __future__ import annotations

import argparse
import sys
from datetime import UTC, datetime
from typing import Final

from cost_analytics import settings
from cost_analytics.commands.listing import add_json, print_json
from cost_analytics.commands.options import add_set_by
from cost_analytics.database_work import run_connected
from cost_analytics.failures import FAILED
from cost_analytics.files import account, input_name, read_text

_COMMAND: Final = "charge-plans"

DESCRIPTION: Final = """\
Charge plans: what users are charged for a completed call that no event charged. Without a plan it
is the default price. A plan is in force from its effective_from until the next one of the same
scope; calls are charged by the most specific plan in force at their end (docs/charge-plans.md).
"""
_LIST: Final = """\
Shows present and future plans. `charge-plans list --csv >plans.csv` writes a file that
`charge-plans import` reads.
"""
_IMPORT: Final = """\
Adds the plans in FILE (or standard input: -), all of them or none. Plans that exist already are
left as they are, so the same file can be imported repeatedly. Plans are never changed or removed:
to change a plan, add a row of the same scope with a later effective_from. Calls that are charged
already keep their charge.

CSV with a first line of column names, of which only effective_from and kind are required:

  user_id, persona_id   the calls of this user, with this persona; empty for all
  tag_key, tag_value    the calls with this tag
  effective_from        2026-01-31 or 2026-01-31T12:00:00Z
  kind                  per_call, per_minute, cost_plus (cost and a markup), default (the default
                        price), or ended (the scope has no plan any more)
  amount_usd            per call, per minute, or on top of the cost and its markup
  minimum_seconds       per_minute: the shortest charged duration
  increment_seconds     per_minute: the duration is rounded up to a multiple of this
  included_minutes      per_minute: minutes of each call that are not charged
  markup_percent        cost_plus: the part of the cost that is added to it
  source                where the plan was agreed (default: the name of the file)

Running workers use new plans within seconds.
"""


def configure(parser: argparse.ArgumentParser) -> None:
    """Declare the actions."""
    actions = parser.add_subparsers(dest="action", metavar="list|import", required=True)
    list_parser = actions.add_parser("list", help="show charge plans", description=_LIST)
    list_parser.add_argument("--all", action="store_true", help="also past plans")
    list_parser.add_argument("--csv", action="store_true", help="write CSV that can be imported")
    add_json(list_parser)
    import_parser = actions.add_parser("import", help="add plans from a file", description=_IMPORT)
    import_parser.add_argument("file", metavar="FILE", help="CSV, or - for standard input")
    import_parser.add_argument(
        "--dry-run", action="store_true", help="only show what would be added"
    )
    add_set_by(import_parser)


def run(arguments: argparse.Namespace) -> int:
    """List or import."""
    return {"list": _list, "import": _import}[arguments.action](arguments)


def _list(arguments: argparse.Namespace) -> int:
    loaded = settings.load("database")
    from cost_analytics.charge_plan_files import plans_csv, plans_table
    from ledger.charge_plans.entry import ListedPlan, list_plans
    from ledger.postgres.database import Connection

    async def read(db: Connection) -> list[ListedPlan]:
        return await list_plans(db, at=datetime.now(UTC))

    plans = run_connected(loaded.database_url, _COMMAND, read)
    shown = [plan for plan in plans if arguments.all or plan.state != "past"]
    if arguments.json:
        return print_json(shown)
    if arguments.csv:
        sys.stdout.write(plans_csv(shown))
    else:
        print(plans_table(shown) if shown else "No charge plans: calls have the default price.")
    return 0


def _import(arguments: argparse.Namespace) -> int:
    loaded = settings.load("database")
    from cost_analytics.charge_plan_files import read_plan_file, rows_table
    from cost_analytics.csv_files import refuse
    from ledger.charge_plans.entry import (
        PlanConflictError,
        ReviewedPlans,
        add_plans,
        review_plans,
    )
    from ledger.postgres.database import Connection

    name = input_name(arguments.file)
    rows = read_plan_file(read_text(arguments.file), name)
    set_by, dry_run = arguments.set_by or account(), arguments.dry_run

    async def write(db: Connection) -> ReviewedPlans:
        return await (review_plans(db, rows) if dry_run else add_plans(db, rows, set_by=set_by))

    try:
        reviewed = run_connected(loaded.database_url, _COMMAND, write)
    except PlanConflictError as error:
        refuse(error.reasons, name)
        return FAILED
    done = "would be added" if dry_run else "added"
    print(f"{len(reviewed.new)} charge plans {done}, {reviewed.known} existed already.")
    if reviewed.new and dry_run:
        print(rows_table(reviewed.new))
    return 0
