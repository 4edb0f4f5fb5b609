"""The expected alerts, by an independent computation, and the alerts in the database."""

from collections import defaultdict
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from fractions import Fraction
from typing import Any, NamedTuple

from ledger.budgets.alert_messages import AlertContext, alert
from ledger.budgets.budgets import Budgets, BudgetStatus
from ledger.budgets.changing import change_budget
from ledger.budgets.limits import Limit, LimitChange
from ledger.budgets.thresholds import period_position
from ledger.calls.entries import Entry
from ledger.calls.periods import period_of
from ledger.postgres.viewers import Viewer, reader_pool
from schemas.alerts import BudgetAlert
from tests.support.events import NOW, Plain
from tests.support.expected import expect
from tests.support.logins import as_login
from tests.support.recording import fetch

USD = 10**9


class AlertKey(NamedTuple):
    """The identity of an alert, which exists once."""

    user: str
    type: str
    period: str
    threshold: Fraction
    version: int


def just_now() -> datetime:
    """Return a time of today: tests may run long after they were collected."""
    now = datetime.now(UTC).replace(microsecond=0)
    midnight = now.replace(hour=0, minute=0, second=0)
    return max(midnight, now - timedelta(seconds=5))


async def change(
    database_url: str, user: str, basis: str = "charged", now: datetime | None = None, **what: Any
) -> BudgetStatus:
    """Change a user's settings as the API does."""
    async with reader_pool(as_login(database_url, "api"), connections_max=1) as readers:
        budgets = Budgets(readers, basis, 80)  # type: ignore[arg-type]
        return await change_budget(
            budgets, Viewer(user), user, LimitChange(**what), now or datetime.now(UTC)
        )


async def raised_alerts(database_url: str, user: str | None = None) -> dict[AlertKey, bool]:
    """Return the existing alerts, and whether each is late."""
    return dict(await alert_rows(database_url, user))


async def alert_rows(database_url: str, user: str | None = None) -> list[tuple[AlertKey, bool]]:
    """Return every alert row, and whether it is late."""
    rows = await fetch(
        database_url,
        "SELECT user_id, type, period, threshold_percent, limit_version, late FROM budget_alerts "
        "WHERE $1::text IS NULL OR user_id = $1",
        user,
    )
    return [(AlertKey(r[0], r[1], r[2], Fraction(r[3]), r[4]), r[5]) for r in rows]


class PeriodSpend(NamedTuple):
    """The spend of users by UTC day and month, and the cost of each call: nano-dollars."""

    periods: dict[tuple[str, str, str], int]
    calls: dict[tuple[str, str], int]


def spend_of(events: Iterable[Plain], basis: str = "charged") -> PeriodSpend:
    """Return the spend of a set of events, by the documented rules."""
    totals = expect(events).totals
    periods: dict[tuple[str, str, str], int] = defaultdict(int)
    if basis == "charged":
        days = [
            (user, day, charged - refunded)
            for (user, day, _), (_, _, charged, refunded) in totals.user_days.items()
        ]
    else:
        days = [(user, day, nano) for (user, day, _, _), nano in totals.user_day_costs.items()]
    for user, day, nano in days:
        periods[user, "daily", day] += nano
        periods[user, "monthly", day[:7]] += nano
    calls = {
        (call.user_id, call_id): sum(call.costs.values()) for call_id, call in totals.calls.items()
    }
    return PeriodSpend(dict(periods), calls)


def an_alert(user: str = "alice") -> BudgetAlert:
    """Return an alert about a day, with all explanations."""
    limit = Limit("daily", 10**10, 1)
    period = period_of("daily", NOW, "Asia/Kathmandu")
    position = period_position(user, limit, period, moved_nano=1, after_nano=8 * 10**9, now=NOW)
    entry = Entry("0" * 32, "/emitter", "event-1", "call.charged", NOW, "alice", "call-1")
    background = AlertContext({"twilio": 2 * 10**9, "deepgram": 10**9, "vercel": 0}, 3 * 10**9)
    return alert(position, Decimal("80.5"), entry, background, "charged", NOW)
