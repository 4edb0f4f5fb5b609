"""Call spikes: services whose cost per minute is unusually high, compared with similar calls.

Started minutes count, as telephony is billed, so a call of 61 seconds is not a spike. A call is
compared with the user's own latest calls with the same persona, because personas differ in model
and voice; if there are too few, with other users' calls with the persona. If those are too few as
well, there is no comparison: a persona that costs sixty times another is not an anomaly.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from datetime import datetime
from typing import Final, NamedTuple

from ledger.anomalies.baselines import Baseline, baseline, precedent_count
from ledger.calls.privacy import OTHER_USERS_MIN, round_for_privacy
from schemas.anomalies import ComparedWith
from schemas.events import CallStatus
from schemas.money import NANO_PER_USD

SCORE_MIN: Final = 5
"""In spreads above the baseline; docs/anomalies.md gives precision and recall."""
EXCESS_NANO_MIN: Final = NANO_PER_USD // 4
"""The least amount above the expected cost, in nano-dollars: a few cents are no anomaly."""
SPREAD_PERCENT_MIN: Final = 25
PRECEDENTS_MAX: Final = 2
"""A cost with more precedents is not unusual, even if it is far above the median."""

OWN_CALLS_MAX: Final = 100
OTHERS_CALLS_MAX: Final = 100
OWN_CALLS_MIN: Final = 8
OTHERS_CALLS_MIN: Final = 20
CONVERSATION_MS_MIN: Final = 30_000
"""Shorter calls are not compared: costs paid once per call dominate their minutes."""
_MINUTE_MS: Final = 60_000


class CheckedCall(NamedTuple):
    """A call to check; `costs` are nano-dollars by service over all days."""

    call_id: str
    user_id: str
    persona_id: str | None
    status: CallStatus
    duration_ms: int
    costs: Mapping[str, int]
    charged: bool
    first_at: datetime
    ended_at: datetime | None
    updated_at: datetime


class PastCall(NamedTuple):
    """A call to compare with."""

    user_id: str
    persona_id: str | None
    duration_ms: int
    costs: Mapping[str, int]


class CallHistory(NamedTuple):
    """The user's earlier calls, and other users' calls with the persona, each latest first."""

    own: Sequence[PastCall] = ()
    others: Sequence[PastCall] = ()


class CallComparison(NamedTuple):
    """The usual cost per minute in nano-dollars, and the compared calls with their `rates`."""

    usual: Baseline
    compared_with: ComparedWith
    rates: Sequence[int]


class CallSpike(NamedTuple):
    """A service with an unusually high cost in a call; money is nano-dollars."""

    service: str
    observed_nano: int
    expected_nano: int
    minutes: int
    score_hundredths: int
    compared: CallComparison


def minutes_of(duration_ms: int) -> int:
    """Return the started minutes, at least one."""
    return max(1, -(-duration_ms // _MINUTE_MS))


def spike_candidates(call: CheckedCall, services: Collection[str]) -> list[str]:
    """Return the services with enough cost in a call to be a spike, in order."""
    return [name for name in sorted(services) if call.costs.get(name, 0) >= EXCESS_NANO_MIN]


def call_spikes(
    call: CheckedCall, services: Collection[str], history: CallHistory
) -> Iterator[CallSpike]:
    """Yield the services with unusually high cost, among those whose cost depends on usage."""
    minutes = minutes_of(call.duration_ms)
    for service in spike_candidates(call, services):
        compared = compare(call, service, history)
        if compared is None:
            continue
        observed = call.costs[service]
        expected, rate = compared.usual.level * minutes, observed // minutes
        score = compared.usual.score_hundredths(rate)
        if (
            score >= 100 * SCORE_MIN
            and observed - expected >= EXCESS_NANO_MIN
            and precedent_count(compared.rates, rate) <= PRECEDENTS_MAX
        ):
            yield CallSpike(service, observed, expected, minutes, score, compared)


def compare(call: CheckedCall, service: str, history: CallHistory) -> CallComparison | None:
    """Return the comparison for a service's cost per minute; None if there are too few calls."""
    own = [past for past in history.own if past.persona_id == call.persona_id]
    rates = [rate for _, rate in _rates(own, service)]
    if len(rates) >= OWN_CALLS_MIN:
        return CallComparison(baseline(rates, SPREAD_PERCENT_MIN), "own_persona_calls", rates)
    others = _rates(history.others, service)
    users = {user_id for user_id, _ in others}
    if len(others) >= OTHERS_CALLS_MIN and len(users) >= OTHER_USERS_MIN:
        rates = [round_for_privacy(rate) for _, rate in others]
        return CallComparison(baseline(rates, SPREAD_PERCENT_MIN), "persona_calls", rates)
    return None


def _rates(calls: Sequence[PastCall], service: str) -> list[tuple[str, int]]:
    """Return user and cost per minute of the calls that used a service and were long enough."""
    return [
        (call.user_id, call.costs[service] // minutes_of(call.duration_ms))
        for call in calls
        if call.duration_ms >= CONVERSATION_MS_MIN and call.costs.get(service, 0) > 0
    ]
