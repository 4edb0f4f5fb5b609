"""Charge plans as files and tables: reads CSV, reporting errors with their lines; writes CSV."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable
from typing import Final

from cost_analytics.csv_files import open_csv, read_rows, refuse, require_columns
from cost_analytics.failures import CommandError
from cost_analytics.text_tables import columns, time_text
from ledger.charge_plans.descriptions import describe_terms
from ledger.charge_plans.entry import ListedPlan
from ledger.charge_plans.rows import FIELDS, InvalidPlanError, PlanRow, plan_row, scope_text

_ROWS_MAX: Final = 100_000
_REQUIRED: Final = ("effective_from", "kind")
_HEADINGS: Final = ("ID", "calls", "charge", "from", "state", "source")
_ID_COLUMN: Final = frozenset({0})


def read_plan_file(text: str, name: str) -> list[PlanRow]:
    """Read and check the rows of the CSV file `name`.

    Raises CommandError with all errors, each with its line.
    """
    reader = open_csv(text, str.strip)
    require_columns(reader, _REQUIRED, FIELDS)
    rows: list[PlanRow] = []
    errors: list[str] = []
    for line, fields in read_rows(reader, _ROWS_MAX, "charge plans"):
        if isinstance(fields, str):
            errors.append(f"line {line}: {fields}")
            continue
        try:
            rows.append(plan_row(fields, source=name))
        except InvalidPlanError as error:
            errors += [f"line {line}: {reason}" for reason in error.reasons]
    refuse(errors, name)
    if not rows:
        raise CommandError(f"{name} has no charge plans.")
    return rows


def plans_csv(plans: Iterable[ListedPlan]) -> str:
    """Return plans as CSV that can be imported again."""
    out = io.StringIO(newline="")
    writer = csv.DictWriter(out, FIELDS, lineterminator="\n")
    writer.writeheader()
    writer.writerows(plan.row.fields() for plan in plans)
    return out.getvalue()


def plans_table(plans: Iterable[ListedPlan]) -> str:
    """Return plans as a table."""
    lines = [(str(plan.plan_id), *_cells(plan.row, plan.state)) for plan in plans]
    return columns([_HEADINGS, *lines], _ID_COLUMN)


def rows_table(rows: Iterable[PlanRow]) -> str:
    """Return new plans as a table."""
    return columns([_HEADINGS[1:], *(_cells(row, "new") for row in rows)], frozenset())


def _cells(row: PlanRow, state: str) -> tuple[str, ...]:
    since = time_text(row.effective_from)
    return scope_text(row.scope), describe_terms(row.terms), since, state, row.source
