"""Reads what explains alerts: costs by service, and the spend of the last hour."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Final

from ledger.budgets.alert_messages import AlertContext
from ledger.budgets.alert_rows import read_alert_contexts, read_spend
from ledger.budgets.everyone_spend import read_everyone_costs, read_everyone_spend_since
from ledger.budgets.positions import scope_of
from ledger.budgets.scoped import ALL_USERS, GLOBAL_OWNER
from ledger.budgets.thresholds import BudgetPosition
from ledger.budgets.windows import SpendWindow
from ledger.calls.periods import quarter_of
from ledger.postgres.database import Connection
from schemas.alerts import SpendBasis

_HOUR: Final = timedelta(hours=1)
_LATEST: Final = datetime.max.replace(tzinfo=UTC)


async def read_contexts(
    connection: Connection, positions: Sequence[BudgetPosition], basis: SpendBasis, now: datetime
) -> list[AlertContext]:
    """Return the contexts of alerts; alerts are rare, so this may query the database."""
    since = quarter_of(now.astimezone(UTC) - _HOUR)
    of_users = [each for each in positions if each.call is not None or scope_of(each) is None]
    periods = [SpendWindow(each.user_id, each.start, each.end or now) for each in of_users]
    user_contexts = iter(await read_alert_contexts(connection, periods, since, basis))
    scopes = {scope_of(each) for each in positions if each.user_id == GLOBAL_OWNER}
    global_spend = {
        scope: await read_everyone_spend_since(connection, scope, since, basis)
        for scope in scopes
        if scope is not None
    }
    result = []
    for position in positions:
        scope = scope_of(position)
        if position.call is not None:
            costs = position.call.costs_by_service()
            context = next(user_contexts)._replace(costs=costs)
        elif scope is None:
            context = next(user_contexts)
        elif position.user_id == GLOBAL_OWNER:
            costs = {}
            if scope.dimension == ALL_USERS and position.end is not None:
                days = (position.start.date(), position.end.date())
                costs = await read_everyone_costs(connection, *days)
            context = AlertContext(costs, global_spend[scope])
        else:
            window = SpendWindow(position.user_id, since, _LATEST, scope)
            context = AlertContext({}, (await read_spend(connection, [window], basis))[0])
        result.append(context)
    return result
