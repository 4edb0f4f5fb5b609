"""Builds alerts with their messages, and the events that announce them."""

from __future__ import annotations

from datetime import date, datetime
from decimal import Decimal
from typing import Final, NamedTuple, cast
from uuid import UUID

from ledger.budgets.limits import FULL
from ledger.budgets.scoped import GLOBAL_OWNER, SERVICE, TAG, SpendScope, StoredBudget
from ledger.budgets.thresholds import BudgetPosition
from ledger.calls.event_rows import EventRow
from schemas.alerts import (
    ALERT_TYPE,
    CUTOFF_TYPE,
    SOURCE,
    BudgetAlert,
    BudgetScope,
    CloudEvent,
    CutoffRequest,
    Driver,
    ScopeKind,
    SpendBasis,
)
from schemas.crossings import Crossing
from schemas.exact import Exact
from schemas.identity import derived_id
from schemas.money import Usd, ratio_decimal
from schemas.sentences import day_name, dollars, month_name, percentage, service_name

DRIVERS_MAX: Final = 3


class AlertContext(NamedTuple):
    """What explains an alert: costs by service and the spend of the last hour; nano-dollars."""

    costs: dict[str, int]
    last_hour_nano: int


def alert_id(position: BudgetPosition, percent: Decimal) -> UUID:
    """Return the id derived from the alert's key."""
    budget = position.limit.budget
    return derived_id(
        "alert",
        position.user_id,
        position.limit.type,
        position.period,
        percent,
        position.limit.version,
        *(() if budget is None else (budget.budget_id,)),
    )


def cutoff_id(call_id: str, limit_version: int) -> UUID:
    """Return the id of the request to end a call at a version of its limit."""
    return derived_id("cutoff", call_id, limit_version)


def alert(
    position: BudgetPosition,
    percent: Decimal,
    crossed_by: EventRow | None,
    context: AlertContext,
    basis: SpendBasis,
    now: datetime,
) -> BudgetAlert:
    """Return the alert of a threshold that the spend has reached."""
    limit, spend = position.limit, position.after_nano
    basis = spend_basis(limit.budget, basis)
    source = position.call or crossed_by
    return BudgetAlert(
        alert_id=str(alert_id(position, percent)),
        user_id=position.user_id,
        type=limit.type,
        threshold_percent=Exact(percent),
        limit_usd=Usd(limit.nano),
        current_spend=Usd(spend),
        remaining=Usd(max(0, limit.nano - spend)),
        message=limit_sentence(position, percent, basis, now),
        triggered_at=now,
        period=position.period,
        period_start=position.start,
        period_end=position.end,
        call_id=source.call_id if source else None,
        crossed_by=crossing_of(crossed_by),
        limit_version=limit.version,
        basis=basis if position.call is None else "cost",
        late=position.closed,
        drivers=_drivers(context.costs),
        spent_last_hour=Usd(context.last_hour_nano),
        event_time=crossed_by.time if crossed_by else None,
        budget_id=limit.budget.budget_id if limit.budget else None,
        scope=scope_body(limit.budget.scope) if limit.budget else None,
    )


def scope_body(scope: SpendScope) -> BudgetScope:
    """Return a scope as published."""
    if scope.dimension.startswith(TAG):
        return BudgetScope(kind="tag", key=scope.dimension.removeprefix(TAG), value=scope.value)
    kind = cast("ScopeKind", scope.dimension)
    return BudgetScope(kind=kind, key=None, value=scope.value or None)


def cutoff(position: BudgetPosition, full: BudgetAlert) -> CutoffRequest:
    """Return the request to end a call, from its alert at 100 %."""
    return CutoffRequest(
        command_id=str(cutoff_id(position.period, position.limit.version)),
        call_id=position.period,
        user_id=position.user_id,
        reason=full.message,
        limit_usd=full.limit_usd,
        current_cost=full.current_spend,
        limit_version=full.limit_version,
        alert_id=full.alert_id,
        requested_at=full.triggered_at,
        crossed_by=full.crossed_by,
        event_time=full.event_time,
        budget_id=full.budget_id,
    )


def alert_event(data: BudgetAlert) -> CloudEvent:
    """Return an alert as a CloudEvent; the event's id is the alert's."""
    return CloudEvent(
        id=data.alert_id,
        source=SOURCE,
        type=ALERT_TYPE,
        subject=data.user_id,
        time=data.triggered_at,
        data=data,
    )


def cutoff_event(data: CutoffRequest) -> CloudEvent:
    """Return a request to end a call as a CloudEvent."""
    return CloudEvent(
        id=data.command_id,
        source=SOURCE,
        type=CUTOFF_TYPE,
        subject=data.call_id,
        time=data.requested_at,
        data=data,
    )


def spend_basis(budget: StoredBudget | None, basis: SpendBasis) -> SpendBasis:
    """Return what counts as spend: for a service its cost, because charges name no service."""
    return "cost" if budget is not None and budget.dimension == SERVICE else basis


def limit_sentence(
    position: BudgetPosition, percent: Decimal, basis: SpendBasis, now: datetime
) -> str:
    """Return the message of an alert; the spend of a call is always its cost."""
    spend, limit = dollars(position.after_nano), dollars(position.limit.nano)
    share = _share(position, percent)
    of_scope = position.limit.budget.scope_text() if position.limit.budget else ""
    if position.call is not None:
        of_limit = f"the {limit} limit per call{of_scope}" if of_scope else f"its {limit} limit"
        return f"This call cost {spend}, {share} {of_limit}."
    is_over = position.closed or (position.end is not None and position.end <= now)
    period, kind = _period_text(position, is_over=is_over), position.limit.type
    if position.user_id == GLOBAL_OWNER:
        paid = _paid_by_everyone(position, basis, is_over=is_over)
        of_tag = of_scope if _is_of_tag(position) else ""
        return f"{paid} {spend} {period}, {share} the {limit} {kind} limit{of_tag}."
    if basis == "charged":
        paid = "You were charged" if is_over else "You've been charged"
    else:
        paid = "Your calls cost" if is_over else "Your calls have cost"
    return f"{paid} {spend} {period}, {share} your {limit} {kind} limit{of_scope}."


def _is_of_tag(position: BudgetPosition) -> bool:
    budget = position.limit.budget
    return budget is not None and budget.scope.selects_calls


def _paid_by_everyone(position: BudgetPosition, basis: SpendBasis, *, is_over: bool) -> str:
    """Return the beginning of a sentence about a global budget."""
    budget = position.limit.budget
    if budget is not None and budget.dimension == SERVICE:
        return f"{service_name(budget.value)} {'cost' if is_over else 'has cost'}"
    if basis == "charged":
        return "All users were charged" if is_over else "All users have been charged"
    return "All calls cost" if is_over else "All calls have cost"


def _share(position: BudgetPosition, percent: Decimal) -> str:
    if percent != FULL:
        return f"past {percentage(percent)} of"
    return "over" if position.after_nano > position.limit.nano else "at"


def _period_text(position: BudgetPosition, *, is_over: bool) -> str:
    """Return the period as words: relative while it lasts, by its name afterwards."""
    if position.limit.type == "daily":
        day = position.period
        return f"on {day_name(date.fromisoformat(day))}" if is_over else "today"
    if position.limit.type == "weekly":
        if not is_over:
            return "this week"
        year, week = position.period.split("-W")
        return f"in the week of {day_name(date.fromisocalendar(int(year), int(week), 1))}"
    month = date.fromisoformat(f"{position.period}-01")
    return f"in {month_name(month)}" if is_over else "this month"


def crossing_of(row: EventRow | None) -> Crossing | None:
    """Return the event that crossed a threshold, as published."""
    if row is None:
        return None
    named = row.reference()
    return Crossing(source=named.source, id=named.id, service=row.service)


def _drivers(costs: dict[str, int]) -> list[Driver]:
    """Return the largest costs in descending order, with their shares of the total."""
    total = sum(costs.values())
    largest = sorted(costs.items(), key=lambda item: (-item[1], item[0]))[:DRIVERS_MAX]
    return [
        Driver(
            service=service,
            cost=Usd(nano),
            share_percent=Exact(ratio_decimal(nano * 100, total, places=2)),
        )
        for service, nano in largest
        if nano > 0
    ]
