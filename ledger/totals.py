"""From a call's state to the total that others see."""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal

from ledger.calls import Call
from schemas.money import Usd
from schemas.totals import CallTotal


def seconds(milliseconds: int) -> Decimal | int:
    """Return a duration in seconds, exact and without padding zeros."""
    whole, rest = divmod(milliseconds, 1000)
    return Decimal(milliseconds).scaleb(-3).normalize() if rest else whole


def call_total(call: Call, updated_at: datetime) -> CallTotal:
    """Return what is published of a call whose owner is known."""
    by_service = call.costs_by_service()
    expected = call.expected_duration_ms
    return CallTotal(
        call_id=call.call_id,
        user_id=call.user_id or "",
        persona_id=call.persona_id,
        status=call.status,
        direction=call.direction,
        started_at=call.started_at or call.first_at,
        ended_at=call.ended_at,
        duration_seconds=Decimal(seconds(call.duration_ms)),
        expected_duration_seconds=None if expected is None else Decimal(seconds(expected)),
        total_cost=Usd(sum(by_service.values())),
        cost_by_service={service: Usd(nano) for service, nano in by_service.items()},
        charged_to_user=Usd(call.charged_nano()),
        refunded=Usd(call.refunded_nano()),
        estimated=call.estimated_count > 0,
        version=call.version,
        updated_at=updated_at,
    )
