"""Shows what late prices change, then applies it: the work behind `prices rerate`."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Final

from cost_analytics.failures import FAILED, INTERRUPTED, CommandError
from cost_analytics.price_listing import columns
from cost_analytics.progress import Progress
from ledger.repricing.repricer import Repricer, RepricingBusyError, RepricingRefusedError
from ledger.repricing.rows import RepricingScope
from ledger.repricing.sums import CostChange, RepricingReport, margin
from schemas.exact import exact_text
from schemas.money import usd_text

_SUM_HEADINGS: Final = ("costs", "before USD", "after USD", "difference")
_SHOWN: Final = 10


async def rerate(
    repricer: Repricer,
    wanted: RepricingScope,
    stop: asyncio.Event,
    *,
    dry_run: bool,
    say: Callable[[str], None],
) -> int:
    """Show and apply; returns the exit code. Raises CommandError where it is refused."""
    looking = Progress("costs looked at")
    report = await repricer.preview(wanted, looking.set)
    looking.close()
    for line in described(report):
        say(line)
    if dry_run or not report.total.costs:
        say("Nothing was changed." if report.total.costs else "Every cost has its price.")
        return 0
    correcting = Progress("costs corrected", report.total.costs)
    try:
        applied = await repricer.apply(wanted, stop=stop, progress=correcting.set)
    except RepricingBusyError:
        raise CommandError("Somebody else applies prices at the moment.", FAILED) from None
    except RepricingRefusedError as error:
        raise CommandError(f"A correction was refused: {error}") from None
    finally:
        correcting.close()
    say(
        f"Corrected {applied.costs:,} costs; {applied.alerts} alerts and commands are on their way."
    )
    if not applied.complete:
        say("Stopped before the end: the same command goes on.")
        return INTERRUPTED
    return 0


def described(report: RepricingReport) -> list[str]:
    """Return a report as lines."""
    change = report.total.difference_nano
    lines = [
        f"Costs to correct: {report.total.costs:,} of {report.users:,} users.",
        f"Cost of all calls on these days: {usd_text(report.earned.cost_nano)} USD, would be "
        f"{usd_text(report.earned.cost_nano + change)} USD; margin {margin(report.earned)}, "
        f"would be {margin(report.earned, change)}.",
    ]
    if not report.total.costs:
        return lines[:1]
    users = {user.user_id: user.sum for user in report.top_users}
    margins = {
        user.user_id: (margin(user.earned), margin(user.earned, user.sum.difference_nano))
        for user in report.top_users
    }
    lines += ["", _table("service", report.services), "", _table("day", report.days)]
    lines += ["", _table("user", users, margins), "", f"Alerts that become due: {report.alerts}"]
    for due in report.first_alerts[:_SHOWN]:
        stand, late = due.stand, ", late" if due.stand.closed else ""
        lines.append(
            f"  {stand.user_id}: {exact_text(due.percent)} % of the {stand.limit.type} limit of "
            f"{usd_text(stand.limit.nano)} USD ({stand.period}{late})"
        )
    return lines


def _table(
    what: str, sums: dict[str, CostChange], margins: dict[str, tuple[str, str]] | None = None
) -> str:
    headings = (what, *_SUM_HEADINGS, *(("margin", "would be") if margins else ()))
    shown = list(sums.items())[:_SHOWN]
    lines = [
        headings,
        *((name, *_cells(one), *(margins or {}).get(name, ())) for name, one in shown),
    ]
    more = f"\n… and {len(sums) - _SHOWN} more" if len(sums) > _SHOWN else ""
    return columns(lines, frozenset(range(1, len(headings)))) + more


def _cells(one: CostChange) -> tuple[str, ...]:
    nano = (one.before_nano, one.after_nano, one.difference_nano)
    return f"{one.costs:,}", *map(usd_text, nano)
