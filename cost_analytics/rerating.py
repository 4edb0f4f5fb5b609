"""Previews and applies a repricing, for `prices rerate`."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Final

from cost_analytics.failures import FAILED, INTERRUPTED, CommandError
from cost_analytics.progress import Progress
from cost_analytics.text_tables import columns
from ledger.repricing.applying import RepricingRefusedError
from ledger.repricing.repricer import Repricer, RepricingBusyError
from ledger.repricing.rows import RepricingScope
from ledger.repricing.sums import CostChange, RepricingReport, margin
from schemas.sentences import exact_dollars, percentage

_SUM_HEADINGS: Final = ("costs", "before", "after", "difference")
_LINES_MAX: Final = 10


async def rerate(
    repricer: Repricer,
    scope: RepricingScope,
    stop: asyncio.Event,
    *,
    dry_run: bool,
    changes_charges: bool = False,
    print_line: Callable[[str], None],
) -> int:
    """Preview and apply; returns the exit code. Raises CommandError if it is refused or busy."""
    reading = Progress("costs read")
    report = await repricer.preview(scope, reading.set, changes_charges=changes_charges)
    reading.close()
    for line in report_lines(report):
        print_line(line)
    if dry_run or not report.total.costs:
        print_line("No changes were made." if report.total.costs else "No costs to correct.")
        return 0
    correcting = Progress("costs corrected", report.total.costs)
    try:
        applied = await repricer.apply(
            scope, changes_charges=changes_charges, stop=stop, progress=correcting.set
        )
    except RepricingBusyError:
        raise CommandError(
            "Another process is repricing costs; try again in a minute.", FAILED
        ) from None
    except RepricingRefusedError as error:
        raise CommandError(f"A correction was refused: {error}") from None
    finally:
        correcting.close()
    print_line(
        f"Corrected {applied.costs:,} costs; {applied.alerts} alerts and commands will be sent."
    )
    if not applied.complete:
        print_line("Stopped before the end; repeat the command to continue.")
        return INTERRUPTED
    return 0


def report_lines(report: RepricingReport) -> list[str]:
    """Return a report as lines of text."""
    change = report.total.difference_nano
    lines = [f"Costs to correct: {report.total.costs:,}; affected users: {report.users:,}."]
    if not report.total.costs:
        return lines
    lines.append(
        f"Cost of all calls on these days: {exact_dollars(report.earnings.cost_nano)}, after "
        f"correction {exact_dollars(report.earnings.cost_nano + change)}; margin "
        f"{margin(report.earnings)}, after correction {margin(report.earnings, report.total)}."
    )
    users = {user.user_id: user.change for user in report.top_users}
    margins = {
        user.user_id: (margin(user.earnings), margin(user.earnings, user.change))
        for user in report.top_users
    }
    lines += ["", _table("service", report.services), "", _table("day", report.days)]
    lines += ["", _table("user", users, margins), ""]
    lines += [*_charge_lines(report), f"Alerts that become due: {report.alerts}"]
    for due in report.first_alerts[:_LINES_MAX]:
        position, limit = due.position, due.position.limit
        late = ", late" if position.closed else ""
        lines.append(
            f"  {position.user_id}: {percentage(due.percent)} of the {limit.type} limit of "
            f"{exact_dollars(limit.nano)} ({position.period}{late})"
        )
    return lines


def _charge_lines(report: RepricingReport) -> list[str]:
    """Return the charges that the corrected costs change, in total and for the first calls."""
    charges = report.charges
    if not charges.calls:
        return ["Charges that change: none."]
    lines = [
        f"Charges that change: {charges.calls:,}, from {exact_dollars(charges.before_nano)} to "
        f"{exact_dollars(charges.after_nano)}"
    ]
    for charge in report.first_charges[:_LINES_MAX]:
        before, after = exact_dollars(charge.before_nano), exact_dollars(charge.after_nano)
        lines.append(f"  {charge.call_id} of {charge.user_id}: {before} to {after}")
    if charges.calls > _LINES_MAX:
        lines.append(f"  … and {charges.calls - _LINES_MAX:,} more")
    return lines


def _table(
    heading: str, sums: dict[str, CostChange], margins: dict[str, tuple[str, str]] | None = None
) -> str:
    headings = (heading, *_SUM_HEADINGS, *(("margin before", "margin after") if margins else ()))
    shown = list(sums.items())[:_LINES_MAX]
    lines = [
        headings,
        *((name, *_cells(change), *(margins or {}).get(name, ())) for name, change in shown),
    ]
    more = f"\n… and {len(sums) - _LINES_MAX} more" if len(sums) > _LINES_MAX else ""
    return columns(lines, frozenset(range(1, len(headings)))) + more


def _cells(change: CostChange) -> tuple[str, ...]:
    nano = (change.before_nano, change.after_nano, change.difference_nano)
    return f"{change.costs:,}", *map(exact_dollars, nano)
