"""Examples of the messages of the WebSocket."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal
from typing import Any, Final

import msgspec

from api.asyncapi.examples import ALERT, CALL, DAY, START, USER, after, as_json, usd
from schemas.budgets import Budget, LimitVersions
from schemas.call_steps import CallSteps
from schemas.exact import Exact
from schemas.jsonio import encode
from schemas.live import (
    LiveAlert,
    LiveBudget,
    LiveCall,
    LiveChange,
    LivePing,
    LivePong,
    LiveProjection,
    LiveSnapshot,
    LiveSubscribe,
)

_CALL: Final = LiveCall(
    call_id=CALL,
    user_id=USER,
    persona_id="persona-sales",
    tags={"campaign": "autumn"},
    status="active",
    started_at=START,
    elapsed_seconds=Exact(Decimal("61.2")),
    total_cost=usd("0.213"),
    cost_by_service={"twilio": usd("0.013"), "openai": usd("0.2")},
    charged_to_user=usd("0"),
    projected_cost=usd("0.71"),
    projection=LiveProjection(
        low=usd("0.6"),
        high=usd("0.84"),
        duration_seconds=Exact(300),
        due_once=usd("0.4447"),
        based_on_calls=42,
    ),
    version=4194309,
    updated_at=after(61),
)
_BUDGET: Final = Budget(
    user_id=USER,
    daily_limit_usd=usd("60"),
    monthly_limit_usd=None,
    max_cost_per_call_usd=usd("2"),
    alert_threshold_percent=Exact(80),
    thresholds=[Exact(80), Exact(100)],
    timezone="UTC",
    auto_cutoff=True,
    call_steps=CallSteps(
        warn=False,
        warn_at_percent=Exact(80),
        downgrade=False,
        downgrade_at_percent=Exact(95),
        closing_sentence=None,
    ),
    channels=[],
    budget_basis="charged",
    day_start=DAY,
    day_end=DAY + timedelta(days=1),
    month_start=DAY.replace(day=1),
    month_end=DAY.replace(month=12, day=1),
    limit_versions=LimitVersions(daily=3, monthly=0, call=1),
    current_daily_spend=usd("49.9"),
    current_monthly_spend=usd("310.25"),
    daily_remaining=usd("10.1"),
    monthly_remaining=None,
    alert_triggered=True,
    burn_rate_per_hour=usd("12.5"),
    daily_time_to_threshold_seconds=2908,
    monthly_time_to_threshold_seconds=None,
    time_to_threshold_seconds=2908,
    alerts=[],
)
EXAMPLES: Final[dict[type, Any]] = {
    type(message): as_json(message)
    for message in (
        LiveSnapshot(calls=[_CALL], budget=_BUDGET),
        LiveChange(call=_CALL),
        LiveAlert(alert=msgspec.Raw(encode(ALERT))),
        LiveBudget(budget=_BUDGET),
        LivePong(),
        LiveSubscribe(calls=[CALL]),
        LivePing(),
    )
}
"""An example of each message, by its type."""
