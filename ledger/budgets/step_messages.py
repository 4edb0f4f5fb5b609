"""Builds the requests of steps before a call's end, and the events that announce them."""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal
from typing import Final
from uuid import UUID

from msgspec.structs import asdict

from ledger.budgets.alert_messages import crossing_of, limit_sentence
from ledger.budgets.thresholds import BudgetPosition
from ledger.calls.event_rows import EventRow
from schemas.alerts import SOURCE, CloudEvent
from schemas.call_steps import (
    DOWNGRADE_TYPE,
    WARN_TYPE,
    CallStep,
    DowngradeRequest,
    ModelSuggestion,
    StepRequest,
    WarnRequest,
)
from schemas.exact import Exact
from schemas.identity import derived_id
from schemas.money import Usd
from schemas.sentences import dollars

EVENT_TYPES: Final[dict[CallStep, str]] = {"warn": WARN_TYPE, "downgrade": DOWNGRADE_TYPE}


def step_id(kind: CallStep, call_id: str, limit_version: int) -> UUID:
    """Return the id of a step of a call at a version of its limit."""
    return derived_id(kind, call_id, limit_version)


def warn_request(
    position: BudgetPosition,
    percent: Decimal,
    crossed_by: EventRow | None,
    sentence: str,
    now: datetime,
) -> WarnRequest:
    """Return the request to say a sentence."""
    request = _request("warn", position, percent, crossed_by, now)
    return WarnRequest(**asdict(request), closing_sentence=sentence)


def downgrade_request(
    position: BudgetPosition,
    percent: Decimal,
    crossed_by: EventRow | None,
    suggestion: ModelSuggestion | None,
    now: datetime,
) -> StepRequest:
    """Return the request to use a cheaper model; without `suggestion` there is none."""
    request = _request("downgrade", position, percent, crossed_by, now)
    if suggestion is None:
        return request
    saving = dollars(suggestion.estimated_saving.nano)
    request.reason += (
        f" With {suggestion.to} instead of {suggestion.from_} it would be {saving} less."
    )
    return DowngradeRequest(**asdict(request), suggestion=suggestion)


def _request(
    kind: CallStep,
    position: BudgetPosition,
    percent: Decimal,
    crossed_by: EventRow | None,
    now: datetime,
) -> StepRequest:
    budget = position.limit.budget
    return StepRequest(
        command_id=str(step_id(kind, position.period, position.limit.version)),
        call_id=position.period,
        user_id=position.user_id,
        reason=limit_sentence(position, percent, "cost", now),
        threshold_percent=Exact(percent),
        limit_usd=Usd(position.limit.nano),
        current_cost=Usd(position.after_nano),
        limit_version=position.limit.version,
        budget_id=None if budget is None else budget.budget_id,
        requested_at=now,
        crossed_by=crossing_of(crossed_by),
        event_time=crossed_by.time if crossed_by else None,
    )


def step_event(kind: CallStep, data: StepRequest) -> CloudEvent:
    """Return a request as a CloudEvent; the event's id is the command's."""
    return CloudEvent(
        id=data.command_id,
        source=SOURCE,
        type=EVENT_TYPES[kind],
        subject=data.call_id,
        time=data.requested_at,
        data=data,
    )
