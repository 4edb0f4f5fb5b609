"""Examples of commands about calls in the AsyncAPI document."""

from __future__ import annotations

from typing import Final

from api.asyncapi.examples import ALERT_ID, CALL, USER, after, as_json, usd
from schemas.alerts import SOURCE, PublishedCutoff
from schemas.call_steps import ModelSuggestion, PublishedDowngrade, PublishedWarn
from schemas.commands import ExecutedCommand
from schemas.crossings import Crossing
from schemas.exact import Exact
from schemas.published import CallCutoffEvent, CallDowngradeEvent, CallWarnEvent

_CUTOFF_ID: Final = "0193446a-5d1e-7c3a-9a52-6f0e4b7d1c91"
_WARNING_ID: Final = "5d1c0e8f-3a52-4d7b-9b3e-61c8a2f0e7b4"
_DOWNGRADE_ID: Final = "c7a9b1d2-0f64-4e8a-8d15-2b90f3e6a5c1"
CALL_CUTOFF: Final = as_json(
    CallCutoffEvent(
        id=_CUTOFF_ID,
        source=SOURCE,
        subject=CALL,
        time=after(200),
        specversion="1.0",
        datacontenttype="application/json",
        data=PublishedCutoff(
            command_id=_CUTOFF_ID,
            call_id=CALL,
            user_id=USER,
            reason="The limit of $2.00 a call is reached.",
            limit_usd=usd("2"),
            current_cost=usd("2.004"),
            limit_version=1,
            alert_id=ALERT_ID,
            requested_at=after(200),
            crossed_by=Crossing(source="/voice-pipeline", id="cost-18", service="openai"),
            event_time=after(199),
            committed_at=after(200),
            published_at=after(201),
        ),
    )
)
CALL_WARN: Final = as_json(
    CallWarnEvent(
        id=_WARNING_ID,
        source=SOURCE,
        subject=CALL,
        time=after(150),
        specversion="1.0",
        datacontenttype="application/json",
        data=PublishedWarn(
            command_id=_WARNING_ID,
            call_id=CALL,
            user_id=USER,
            reason="This call cost $1.61, past 80% of its $2.00 limit.",
            threshold_percent=Exact(80),
            limit_usd=usd("2"),
            current_cost=usd("1.61"),
            limit_version=1,
            budget_id=None,
            requested_at=after(150),
            crossed_by=Crossing(source="/voice-pipeline", id="cost-14", service="openai"),
            event_time=after(149),
            closing_sentence="I'm sorry, we have to finish this call soon.",
            committed_at=after(150),
            published_at=after(151),
        ),
    )
)
CALL_DOWNGRADE: Final = as_json(
    CallDowngradeEvent(
        id=_DOWNGRADE_ID,
        source=SOURCE,
        subject=CALL,
        time=after(180),
        specversion="1.0",
        datacontenttype="application/json",
        data=PublishedDowngrade(
            command_id=_DOWNGRADE_ID,
            call_id=CALL,
            user_id=USER,
            reason="This call cost $1.90, past 95% of its $2.00 limit.",
            threshold_percent=Exact(95),
            limit_usd=usd("2"),
            current_cost=usd("1.9"),
            limit_version=1,
            budget_id=None,
            requested_at=after(180),
            crossed_by=Crossing(source="/voice-pipeline", id="cost-17", service="openai"),
            event_time=after(179),
            suggestion=ModelSuggestion(
                service="openai",
                operation="inference",
                from_="gpt-4-turbo",
                to="gpt-4o-mini",
                current_cost=usd("1.2"),
                estimated_saving=usd("1.18"),
            ),
            committed_at=after(180),
            published_at=after(181),
        ),
    )
)
EXECUTED_COMMAND: Final = as_json(
    ExecutedCommand(
        command_id=_CUTOFF_ID,
        call_id=CALL,
        user_id=USER,
        kind="cutoff",
        cause="limit",
        requested_by=None,
        reason="The limit of $2.00 a call is reached.",
        payload="{}",
        target="vapi",
        requested_at=after(200),
        executed_at=after(202),
    )
)
