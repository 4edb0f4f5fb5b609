"""Puts a decided alert into words and into the messages that others receive."""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal
from hashlib import blake2b
from typing import Final, NamedTuple
from uuid import UUID

from ledger.budgets.crossings import Row
from ledger.budgets.limits import FULL
from ledger.budgets.thresholds import BudgetPosition
from ledger.calls.rating import RatedCost
from schemas.alerts import (
    ALERT_TYPE,
    CUTOFF_TYPE,
    SOURCE,
    BudgetAlert,
    CloudEvent,
    Crossing,
    CutoffRequest,
    Driver,
    SpendBasis,
)
from schemas.exact import Exact, exact_text
from schemas.money import Usd, ratio_decimal, usd_text

DRIVERS_MAX: Final = 3


class AlertContext(NamedTuple):
    """What explains an alert: nano-dollars by service, and the user's spend of the last hour."""

    costs: dict[str, int]
    last_hour_nano: int


def alert_id(stand: BudgetPosition, percent: Decimal) -> UUID:
    """Return the id of an alert: always the same for the same key."""
    return _id("alert", stand.user_id, stand.limit.type, stand.period, percent, stand.limit.version)


def command_id(stand: BudgetPosition) -> UUID:
    """Return the id of the request to end a call."""
    return _id("cutoff", stand.period, stand.limit.version)


def _id(*parts: object) -> UUID:
    key = "\0".join(exact_text(part) if isinstance(part, Decimal) else str(part) for part in parts)
    return UUID(bytes=blake2b(key.encode(), digest_size=16).digest())


def alert(
    stand: BudgetPosition,
    percent: Decimal,
    crossed_by: Row | None,
    background: AlertContext,
    basis: SpendBasis,
    now: datetime,
) -> BudgetAlert:
    """Return the alert about a threshold that a spend has reached."""
    limit, spend = stand.limit, stand.after_nano
    return BudgetAlert(
        alert_id=str(alert_id(stand, percent)),
        user_id=stand.user_id,
        type=limit.type,
        threshold_percent=Exact(percent),
        limit_usd=Usd(limit.nano),
        current_spend=Usd(spend),
        remaining=Usd(max(0, limit.nano - spend)),
        message=_message(stand, percent),
        triggered_at=now,
        period=stand.period,
        period_start=stand.start,
        period_end=stand.end,
        call_id=stand.call.call_id if stand.call else crossed_by.call_id if crossed_by else None,
        crossed_by=_crossing(crossed_by),
        limit_version=limit.version,
        basis=basis if stand.call is None else "cost",
        late=stand.closed,
        drivers=_drivers(background.costs),
        spent_last_hour=Usd(background.last_hour_nano),
        event_time=crossed_by.time if crossed_by else None,
    )


def cutoff(stand: BudgetPosition, full: BudgetAlert) -> CutoffRequest:
    """Return the request to end the call whose cost `full`, its alert at 100 %, is about."""
    return CutoffRequest(
        command_id=str(command_id(stand)),
        call_id=stand.period,
        user_id=stand.user_id,
        reason=full.message,
        limit_usd=full.limit_usd,
        current_cost=full.current_spend,
        limit_version=full.limit_version,
        alert_id=full.alert_id,
        requested_at=full.triggered_at,
        crossed_by=full.crossed_by,
        event_time=full.event_time,
    )


def alert_event(data: BudgetAlert) -> CloudEvent:
    """Return an alert as it is published; the event's id is the alert's."""
    return CloudEvent(
        id=data.alert_id,
        source=SOURCE,
        type=ALERT_TYPE,
        subject=data.user_id,
        time=data.triggered_at,
        data=data,
    )


def cutoff_event(data: CutoffRequest) -> CloudEvent:
    """Return a request to end a call as it is published."""
    return CloudEvent(
        id=data.command_id,
        source=SOURCE,
        type=CUTOFF_TYPE,
        subject=data.call_id,
        time=data.requested_at,
        data=data,
    )


def _message(stand: BudgetPosition, percent: Decimal) -> str:
    limit, spend = usd_text(stand.limit.nano), usd_text(stand.after_nano)
    share = "" if percent == FULL else f"{exact_text(percent)} % of "
    if stand.call is not None:
        return (
            f"Call {stand.period} has cost {spend} USD and reached {share}its cap of {limit} USD."
        )
    return (
        f"The spend of {stand.period} is {spend} USD: "
        f"it has reached {share}the {stand.limit.type} limit of {limit} USD."
    )


def _crossing(row: Row | None) -> Crossing | None:
    if row is None:
        return None
    if isinstance(row, RatedCost):
        event = row.event()
        return Crossing(source=event.source, id=event.id, service=row.service)
    return Crossing(source=row.source, id=row.event_id, service=row.service)


def _drivers(costs: dict[str, int]) -> list[Driver]:
    """Return the largest costs, largest first, with their shares of all, to a hundredth."""
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
