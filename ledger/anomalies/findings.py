"""Builds anomalies with their messages; the same cause always has the same id."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, date, datetime, time
from typing import Final, NamedTuple
from uuid import UUID

from ledger.anomalies.baselines import median, score_decimal
from ledger.anomalies.call_spikes import (
    OTHERS_CALLS_MIN,
    OWN_CALLS_MIN,
    CallHistory,
    CallSpike,
    CheckedCall,
    PastCall,
    minutes_of,
)
from ledger.anomalies.day_spikes import DaySpike
from ledger.anomalies.missing_legs import ServiceLegs
from ledger.calls.privacy import OTHER_USERS_MIN, round_for_privacy
from schemas.alerts import CloudEvent
from schemas.anomalies import (
    ANOMALY_SOURCE,
    ANOMALY_TYPE,
    Anomaly,
    AnomalyKind,
    ComparedWith,
    Leg,
)
from schemas.exact import Exact
from schemas.identity import derived_id
from schemas.money import Usd
from schemas.sentences import day_name, dollars, service_name, times

_WEEKDAYS: Final = (
    "Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday",
)  # fmt: skip
_LEG_NAMES: Final[dict[Leg, str]] = {
    "telephony": "telephony",
    "speech_recognition": "speech recognition",
    "inference": "inference",
    "speech_synthesis": "speech synthesis",
}
_COMPARED_CALLS: Final[dict[ComparedWith, str]] = {
    "own_persona_calls": "in earlier calls with this persona",
    "persona_calls": "for this persona",
    "own_calls": "in earlier calls",
    "own_days": "on earlier days",
}


class Cause(NamedTuple):
    """The cause of an anomaly; each cause has one anomaly.

    `subject` is the call or the day, `part` the service or the leg, empty for all services.
    """

    user_id: str
    kind: AnomalyKind
    subject: str
    part: str

    @property
    def anomaly_id(self) -> UUID:
        """The id derived from the cause."""
        return derived_id("anomaly", *self)


class Finding(NamedTuple):
    """An anomaly and its cause."""

    cause: Cause
    anomaly: Anomaly


def call_finding(call: CheckedCall, spike: CallSpike, now: datetime) -> Finding:
    """Return the anomaly of a service with an unusually high cost in a call."""
    compared = spike.compared
    rate, usual = spike.observed_nano // spike.minutes, compared.usual
    message = (
        f"{service_name(spike.service)} cost {dollars(rate)} per minute in this call, "
        f"{_comparison_text(rate, usual.level)} {_COMPARED_CALLS[compared.compared_with]}."
    )
    cause = Cause(call.user_id, "call_spike", call.call_id, spike.service)
    return Finding(
        cause,
        Anomaly(
            anomaly_id=str(cause.anomaly_id),
            user_id=call.user_id,
            kind="call_spike",
            service=spike.service,
            leg=None,
            call_id=call.call_id,
            day=call.first_at.date(),
            observed_usd=Usd(spike.observed_nano),
            expected_usd=Usd(spike.expected_nano),
            score=Exact(score_decimal(spike.score_hundredths)),
            compared_with=compared.compared_with,
            compared_count=usual.size,
            message=message,
            occurred_at=call.ended_at or call.updated_at,
            detected_at=now,
        ),
    )


def day_finding(user_id: str, day: date, spike: DaySpike, now: datetime) -> Finding:
    """Return the anomaly of a day with an unusually high cost."""
    subject = (
        f"{service_name(spike.service)} cost" if spike.service else "All services together cost"
    )
    message = (
        f"{subject} {dollars(spike.observed_nano)} on {day_name(day)} (UTC), "
        f"{_comparison_text(spike.observed_nano, spike.expected_nano)} "
        f"for a {_WEEKDAYS[day.weekday()]}"
    )
    message += "." if spike.service else f"; driven by {service_name(spike.driver)}."
    cause = Cause(user_id, "day_spike", day.isoformat(), spike.service or "")
    return Finding(
        cause,
        Anomaly(
            anomaly_id=str(cause.anomaly_id),
            user_id=user_id,
            kind="day_spike",
            service=spike.service,
            leg=None,
            call_id=None,
            day=day,
            observed_usd=Usd(spike.observed_nano),
            expected_usd=Usd(spike.expected_nano),
            score=Exact(score_decimal(spike.score_hundredths)),
            compared_with="own_days",
            compared_count=spike.days,
            message=message,
            occurred_at=datetime.combine(day, time(tzinfo=UTC)),
            detected_at=now,
        ),
    )


def leg_finding(
    call: CheckedCall, leg: Leg, legs: ServiceLegs, history: CallHistory, now: datetime
) -> Finding:
    """Return the anomaly of a leg without a cost, with its usual cost if that is known."""
    minutes = minutes_of(call.duration_ms)
    compared_with, rates = _usual_leg(leg, legs, history)
    has_end = call.status not in ("active", "abandoned")
    expected = median(rates) * minutes if rates and has_end else None
    call_name = f"{call.status} {minutes}-minute" if has_end else "charged"
    message = f"No {_LEG_NAMES[leg]} cost was recorded for this {call_name} call"
    message += f"; usually it costs {dollars(expected)}." if expected else "."
    cause = Cause(call.user_id, "missing_leg", call.call_id, leg)
    return Finding(
        cause,
        Anomaly(
            anomaly_id=str(cause.anomaly_id),
            user_id=call.user_id,
            kind="missing_leg",
            service=None,
            leg=leg,
            call_id=call.call_id,
            day=call.first_at.date(),
            observed_usd=Usd(0),
            expected_usd=None if expected is None else Usd(expected),
            score=None,
            compared_with=compared_with if expected is not None else None,
            compared_count=len(rates) if expected is not None else 0,
            message=message,
            occurred_at=call.ended_at or call.updated_at,
            detected_at=now,
        ),
    )


def _usual_leg(
    leg: Leg, legs: ServiceLegs, history: CallHistory
) -> tuple[ComparedWith | None, list[int]]:
    """Return the cost per minute of a leg in the user's own calls, else in those of others."""
    own = _leg_rates(leg, legs, history.own)
    if len(own) >= OWN_CALLS_MIN:
        return "own_calls", [rate for _, rate in own]
    others = _leg_rates(leg, legs, history.others)
    users = {user_id for user_id, _ in others}
    if len(others) >= OTHERS_CALLS_MIN and len(users) >= OTHER_USERS_MIN:
        return "persona_calls", [round_for_privacy(rate) for _, rate in others]
    return None, []


def _leg_rates(leg: Leg, legs: ServiceLegs, calls: Sequence[PastCall]) -> list[tuple[str, int]]:
    """Return user and cost per minute of a leg in the calls that have a cost of it."""
    rates = []
    for call in calls:
        nano = sum(n for service, n in call.costs.items() if leg in legs.get(service, ()))
        if nano > 0:
            rates.append((call.user_id, nano // minutes_of(call.duration_ms)))
    return rates


def anomaly_event(data: Anomaly) -> CloudEvent:
    """Return an anomaly as a CloudEvent; the event's id is the anomaly's."""
    return CloudEvent(
        id=data.anomaly_id,
        source=ANOMALY_SOURCE,
        type=ANOMALY_TYPE,
        subject=data.user_id,
        time=data.detected_at,
        data=data,
    )


def _comparison_text(observed: int, expected: int) -> str:
    """Return how an amount compares with the usual one."""
    if expected <= 0:
        return f"instead of the usual {dollars(expected)}"
    return f"{times(observed, expected)} the usual {dollars(expected)}"
