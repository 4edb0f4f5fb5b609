"""Reads what explains alerts: costs by service, and the spend of the last hour."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Final

from ledger.budgets.alert_messages import AlertContext
from ledger.budgets.alert_rows import read_alert_contexts, read_spend
from ledger.budgets.everyone_spend import read_everyone_costs
from ledger.budgets.positions import scope_of
from ledger.budgets.scoped import ALL_USERS, GLOBAL_OWNER
from ledger.budgets.thresholds import BudgetPosition
from ledger.budgets.windows import SpendWindow
from ledger.calls.periods import quarter_of
from ledger.postgres.database import Connection
from schemas.alerts import SpendBasis

_HOUR: Final = timedelta(hours=1)
_LATEST: Final = datetime.max.replace(year=9000, tzinfo=UTC)


async def read_contexts(
    connection: Connection, positions: Sequence[BudgetPosition], basis: SpendBasis, now: datetime
) -> list[AlertContext]:
    """Return the contexts of alerts; alerts are rare, so this may query the database."""
    since = quarter_of(now.astimezone(UTC) - _HOUR)
    whole = [p for p in positions if scope_of(p) is None or p.call is not None]
    periods = [SpendWindow(p.user_id, p.start, p.end or now) for p in whole]
    of_whole = iter(await read_alert_contexts(connection, periods, since, basis))
    result = []
    for position in positions:
        scope = scope_of(position)
        if scope is None or position.call is not None:
            context = next(of_whole)
            if position.call is not None:
                context = context._replace(costs=position.call.costs_by_service())
        elif position.user_id == GLOBAL_OWNER:  # without an hour
            context = AlertContext({}, 0)
            if scope.dimension == ALL_USERS and position.end is not None:
                days = (position.start.date(), position.end.date())
                context = AlertContext(await read_everyone_costs(connection, *days), 0)
        else:
            window = SpendWindow(position.user_id, since, _LATEST, scope)
            context = AlertContext({}, (await read_spend(connection, [window], basis))[0])
        result.append(context)
    return result
