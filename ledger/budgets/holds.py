"""Authorizes calls, and holds the expected spend of allowed ones.

The user's settings are locked meanwhile, so concurrent calls are decided one after another and
cannot all use the same remainder.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Final, NamedTuple

from ledger.budgets.authorization import (
    AuthorizationDecision,
    LimitUsage,
    decide_authorization,
    expected_cost,
    hold_until,
)
from ledger.budgets.budgets import Budgets
from ledger.budgets.limits import Limits
from ledger.postgres.database import Connection
from ledger.postgres.statements import statements
from ledger.postgres.viewers import Viewer

_SQL: Final = statements("budgets/budgets")
_PAST: Final = timedelta(days=30)


class CallStartRequest(NamedTuple):
    """A call to be authorized: its expected cost, or else its expected duration."""

    call_id: str
    cost_nano: int | None
    duration_ms: int | None


class CallStartDecision(NamedTuple):
    """The decision on a call: `held_nano` is held for it until `held_until`.

    `finished` means that the call has ended or was charged, so nothing is held for it.
    """

    decision: AuthorizationDecision
    limits: Limits
    held_nano: int
    held_until: datetime | None
    finished: bool = False


async def authorize(
    budgets: Budgets, user_id: str, request: CallStartRequest, now: datetime
) -> CallStartDecision:
    """Decide whether a user's call may start; raises StoreUnavailableError.

    A repeated request for the same call replaces the earlier decision.
    """
    viewer = Viewer(user_id)
    async with budgets.locked(viewer, user_id) as (connection, limits):
        call = await connection.fetchrow(
            *_SQL.bind("call_state", user_id=user_id, **viewer.parameters, call_id=request.call_id)
        )
        if call is not None and (call["status"] != "active" or call["charged"]):
            return CallStartDecision(
                AuthorizationDecision(None, None), limits, 0, None, finished=True
            )
        spend, cost = await _expected(connection, budgets, viewer, request, now)
        spent = int(call["cost_nano"]) if call is not None and budgets.basis == "cost" else 0
        left_to_spend = max(0, spend - spent)
        usages = await _limit_usages(connection, budgets, limits, request, now)
        decision = decide_authorization(usages, limits.of_calls(), left_to_spend, cost)
        await connection.execute(
            *_SQL.bind("drop_expired_holds", user_id=user_id, **viewer.parameters, now=now)
        )
        if decision.denied_by is not None:
            await connection.execute(
                *_SQL.bind(
                    "drop_hold", user_id=user_id, **viewer.parameters, call_id=request.call_id
                )
            )
            return CallStartDecision(decision, limits, 0, None)
        until = hold_until(now, request.duration_ms)
        await connection.execute(
            *_SQL.bind(
                "hold",
                user_id=user_id,
                **viewer.parameters,
                call_id=request.call_id,
                spend_nano=spend,
                until=until,
            )
        )
        return CallStartDecision(decision, limits, left_to_spend, until)


async def _limit_usages(
    connection: Connection,
    budgets: Budgets,
    limits: Limits,
    request: CallStartRequest,
    now: datetime,
) -> list[LimitUsage]:
    """Return the limits of the current periods with their spend and holds."""
    viewer = Viewer(limits.user_id)
    _, _, day_nano, month_nano = await budgets.spent(connection, viewer, limits, now)
    by_cost = budgets.basis == "cost"
    held = await connection.fetchval(
        *_SQL.bind(
            "held",
            user_id=limits.user_id,
            **viewer.parameters,
            now=now,
            call_id=request.call_id,
            by_cost=by_cost,
        )
    )
    spent = {"daily": day_nano, "monthly": month_nano}
    return [LimitUsage(limit, spent[limit.type], int(held)) for limit in limits.periodic()]


async def _expected(
    connection: Connection,
    budgets: Budgets,
    viewer: Viewer,
    request: CallStartRequest,
    now: datetime,
) -> tuple[int, int]:
    """Return the expected spend of a call, and its expected cost; nano-dollars."""
    if request.cost_nano is not None:
        return request.cost_nano, request.cost_nano
    [past] = await connection.fetch(
        *_SQL.bind(
            "past_calls",
            user_id=viewer.user_id,
            **viewer.parameters,
            since_day=(now - _PAST).date(),
        )
    )
    cost = expected_cost(request.duration_ms or 0, int(past["cost_nano"]), past["duration_ms"])
    if budgets.basis == "cost":
        return cost, cost
    return await connection.fetchval(_SQL["default_charge"]) or 0, cost
