"""Builds the anomalies of stuck calls, and the requests to end them."""

from __future__ import annotations

from datetime import datetime
from typing import Final, NamedTuple

from ledger.anomalies.findings import Cause, Finding
from ledger.budgets.alert_messages import cutoff_id
from ledger.stuck_calls.rules import CallActivity, CallLimits, Silence
from schemas.alerts import CutoffRequest
from schemas.anomalies import Anomaly, AnomalyKind
from schemas.money import Usd
from schemas.sentences import dollars, duration

NO_LIMIT_VERSION: Final = 0
"""The limit version of a request to end a stuck call, which no limit caused."""


def silent_finding(
    call: CallActivity, silence: Silence, limits: CallLimits, now: datetime
) -> Finding:
    """Return the anomaly of a call that costs without a conversation."""
    message = (
        f"No inference for {duration(silence.lasts)}, while the call cost "
        f"{dollars(silence.minute_nano())} per minute."
    )
    savings_nano = silence.savings_nano()
    if savings_nano:
        lifetime = duration(limits.lifetime)
        message += f" Ending it saves {dollars(savings_nano)} until it is open for {lifetime}."
    found = _Found("silent_call", silence.nano, message, silence.turn_at + silence.lasts)
    return _finding(call, found, now, Usd(savings_nano))


def abandoned_finding(call: CallActivity, limits: CallLimits, now: datetime) -> Finding:
    """Return the anomaly of a call that was closed without an end."""
    message = (
        f"This call has no end, and no event of it arrived for {duration(limits.lifetime)}. "
        "It was closed as abandoned."
    )
    return _finding(
        call, _Found("abandoned_call", call.total_nano, message, call.last_at), now, None
    )


class _Found(NamedTuple):
    """What an anomaly says: its kind, the recorded cost, a sentence, and when it happened."""

    kind: AnomalyKind
    nano: int
    message: str
    occurred_at: datetime


def _finding(call: CallActivity, found: _Found, now: datetime, savings: Usd | None) -> Finding:
    cause = Cause(call.user_id, found.kind, call.call_id, "")
    return Finding(
        cause,
        Anomaly(
            anomaly_id=str(cause.anomaly_id),
            user_id=call.user_id,
            kind=found.kind,
            service=None,
            leg=None,
            call_id=call.call_id,
            day=call.begun_at.date(),
            observed_usd=Usd(found.nano),
            expected_usd=None,
            score=None,
            compared_with=None,
            compared_count=0,
            message=found.message,
            occurred_at=found.occurred_at,
            detected_at=now,
            savings_usd=savings,
        ),
    )


def stuck_cutoff(call: CallActivity, anomaly: Anomaly) -> CutoffRequest:
    """Return the request to end a stuck call, one for each call."""
    return CutoffRequest(
        command_id=str(cutoff_id(call.call_id, NO_LIMIT_VERSION)),
        call_id=call.call_id,
        user_id=call.user_id,
        reason=anomaly.message,
        limit_usd=None,
        current_cost=Usd(call.total_nano),
        limit_version=NO_LIMIT_VERSION,
        alert_id=None,
        requested_at=anomaly.detected_at,
        crossed_by=None,
        event_time=anomaly.occurred_at,
        anomaly_id=anomaly.anomaly_id,
    )
