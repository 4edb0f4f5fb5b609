"""Which services cost unusually much in a call: its cost per minute against calls like it.

The minutes are those begun, as telephones are billed, so a call of 61 seconds is no spike. A call
is compared with the user's own latest calls with the same persona, because personas differ in
model and voice; a user who has too few of them, with what the persona costs others. Where both are
too little, nothing is said: a persona that costs sixty times another is no anomaly.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from datetime import datetime
from typing import Final, NamedTuple

from ledger.anomalies.baselines import Baseline, baseline, precedent_count
from ledger.calls.privacy import OTHER_USERS_MIN, blurred
from schemas.anomalies import ComparedWith
from schemas.events import CallStatus
from schemas.money import NANO_PER_USD

SCORE_MIN: Final = 5
"""Spreads above the usual; see docs/anomalies.md for what that misses and what it spares."""
EXCESS_NANO_MIN: Final = NANO_PER_USD // 4
"""What a spike has to cost beyond the usual, in nano-dollars: cents are no reason for an alarm."""
SPREAD_PERCENT_MIN: Final = 25
PRECEDENTS_MAX: Final = 2
"""What happened more often before is no surprise, however far above the median it lies."""

OWN_MAX: Final = 100
OTHERS_MAX: Final = 100
TALK_MS_MIN: Final = 30_000
"""Shorter calls are not compared with: what is paid once outweighs their minute."""
_MINUTE_MS: Final = 60_000
_OWN_PERSONA_MIN: Final = 8
_OTHERS_MIN: Final = 20


class EndedCall(NamedTuple):
    """A call that has ended; `costs` are nano-dollars by service over all of its days."""

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
    """The user's own calls before, and other users' calls with the persona, latest first each."""

    own: Sequence[PastCall] = ()
    others: Sequence[PastCall] = ()


class CallComparison(NamedTuple):
    """What a minute usually costs in nano-dollars, in which calls, and what it cost in each."""

    usual: Baseline
    compared_with: ComparedWith
    rates: Sequence[int]


class CallSpike(NamedTuple):
    """A service that cost unusually much in a call; money is nano-dollars."""

    service: str
    observed_nano: int
    expected_nano: int
    minutes: int
    score_hundredths: int
    compared: CallComparison


def minutes_of(duration_ms: int) -> int:
    """Return the minutes begun, at least one."""
    return max(1, -(-duration_ms // _MINUTE_MS))


def may_be_spikes(call: EndedCall, services: Collection[str]) -> list[str]:
    """Return which of these services cost enough in a call to be a spike at all, in order."""
    return [name for name in sorted(services) if call.costs.get(name, 0) >= EXCESS_NANO_MIN]


def call_spikes(
    call: EndedCall, services: Collection[str], history: CallHistory
) -> Iterator[CallSpike]:
    """Yield the services, out of those whose cost follows use, that cost unusually much."""
    minutes = minutes_of(call.duration_ms)
    for service in may_be_spikes(call, services):
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


def compare(call: EndedCall, service: str, history: CallHistory) -> CallComparison | None:
    """Return what a minute of such a call usually costs at a service; None where it is unknown."""
    with_persona = [one for one in history.own if one.persona_id == call.persona_id]
    choices: tuple[tuple[ComparedWith, Sequence[PastCall], int], ...] = (
        ("own_persona_calls", with_persona, _OWN_PERSONA_MIN),
        ("persona_calls", _of_enough_users(history.others, service), _OTHERS_MIN),
    )
    for name, calls, least in choices:
        rates = _rates(calls, service)
        if name == "persona_calls":
            rates = [blurred(rate) for rate in rates]
        if len(rates) >= least:
            return CallComparison(baseline(rates, SPREAD_PERCENT_MIN), name, rates)
    return None


def _of_enough_users(calls: Sequence[PastCall], service: str) -> Sequence[PastCall]:
    users = {one.user_id for one in calls if _has_rate(one, service)}
    return calls if len(users) >= OTHER_USERS_MIN else ()


def _rates(calls: Sequence[PastCall], service: str) -> list[int]:
    """Return what a minute cost at a service, in the calls that tell."""
    return [
        one.costs[service] // minutes_of(one.duration_ms)
        for one in calls
        if _has_rate(one, service)
    ]


def _has_rate(call: PastCall, service: str) -> bool:
    """Return whether a call tells what a minute costs: it used the service and was long enough."""
    return call.duration_ms >= TALK_MS_MIN and call.costs.get(service, 0) > 0
