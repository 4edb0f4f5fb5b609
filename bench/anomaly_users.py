"""Simulated users with known anomalies: calls with injected spikes and losses.

Each kind of user has its own rhythm; each call has a persona, a length, and costs with realistic
variation. Injected anomalies are labelled. The seed determines everything.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from math import exp
from random import Random
from typing import Final, NamedTuple

from ledger.anomalies import call_spikes as call_rule
from ledger.anomalies import day_spikes as day_rule
from schemas.events import CallStatus
from schemas.money import NANO_PER_USD

DAYS: Final = 12 * 7
NEW_DAYS: Final = 20
FIRST_DAY: Final = date(2026, 1, 5)
"""A Monday."""
_CENT: Final = NANO_PER_USD // 100
_MICRO: Final = NANO_PER_USD // 1_000_000
_WORKING_WEEK: Final = (1.4, 1.5, 1.5, 1.4, 1.0, 0.1, 0.1)
_WEEKENDS: Final = (0.3, 0.3, 0.3, 0.4, 1.0, 2.6, 2.1)
SIZES: Final = (2, 3, 5, 10)
"""The factors of injected spikes over the usual cost."""
_CALL_SPIKE_OF: Final = 60
_DAY_SPIKE_OF: Final = 25
_LOST_LEG_OF: Final = 50

LEG_SERVICES: Final = {
    "twilio": "telephony",
    "deepgram": "speech_recognition",
    "cerebras": "inference",
    "elevenlabs": "speech_synthesis",
}
OPERATIONS: Final = (
    ("twilio", "outbound_call"),
    ("deepgram", "streaming_stt"),
    ("cerebras", "inference"),
    ("elevenlabs", "tts"),
)


class AnomalyUserKind(NamedTuple):
    """A kind of user, with its expected number of calls on a day."""

    name: str
    expected: Callable[[int, Random], float]
    days: int = DAYS


KINDS: Final = (
    AnomalyUserKind("steady", lambda _day, _rng: 6.0),
    AnomalyUserKind("working week", lambda day, _rng: 5.0 * _WORKING_WEEK[day % 7]),
    AnomalyUserKind("weekends", lambda day, _rng: 4.0 * _WEEKENDS[day % 7]),
    AnomalyUserKind("growing", lambda day, _rng: 2.0 * exp(0.015 * day)),
    AnomalyUserKind("fading", lambda day, _rng: 8.0 * exp(-0.015 * day)),
    AnomalyUserKind("bursty", lambda _day, rng: 14.0 if rng.random() < 0.08 else 1.5),
    AnomalyUserKind("sparse", lambda _day, _rng: 0.25),
    AnomalyUserKind("new", lambda day, _rng: 5.0 * _WORKING_WEEK[day % 7], NEW_DAYS),
)


class _Persona(NamedTuple):
    """The approximate cost of a minute of speech and of inference, in micro-dollars."""

    name: str
    speaking: int
    thinking: int


_PERSONAS: Final = (
    _Persona("brad", 90_000, 900),
    _Persona("nonna", 190_000, 1_200),
    _Persona("maya", 75_000, 6_000),
    _Persona("kay", 95_000, 55_000),
)


class Label(NamedTuple):
    """An injected anomaly: `target` is the call, the day or the lost leg, `size` the factor."""

    kind: str
    target: str
    service: str
    size: int


@dataclass(slots=True)
class SimulatedDay:
    """A user's calls of a day, in order, and the labels of its anomalies."""

    user_id: str
    day: date
    calls: list[call_rule.CheckedCall] = field(default_factory=list)
    labels: list[Label] = field(default_factory=list)


def simulate(kind: AnomalyUserKind, number: int, seed: int) -> Iterator[list[SimulatedDay]]:
    """Yield the days of all users of a kind, day by day."""
    users = [_User(kind, f"{kind.name} {index}", seed) for index in range(number)]
    for day in range(kind.days):
        yield [user.day(day) for user in users]


class _User:
    def __init__(self, kind: AnomalyUserKind, user_id: str, seed: int) -> None:
        rng = self._rng = Random(f"{seed} {user_id}")
        self._kind, self._user_id = kind, user_id
        self._weekday, self._busy = rng.randrange(7), rng.uniform(0.5, 2.0)
        # Most calls are with one or two personas.
        self._favourites = rng.sample(_PERSONAS, 2)

    def day(self, number: int) -> SimulatedDay:
        rng, day = self._rng, FIRST_DAY + timedelta(days=number)
        expected = self._busy * self._kind.expected(self._weekday + number, rng)
        times = rng.choice(SIZES) if rng.randrange(_DAY_SPIKE_OF) == 0 else 1
        at_service = rng.choice(("", "", "elevenlabs", "elevenlabs", "cerebras"))
        count = _poisson(rng, expected)
        found = SimulatedDay(self._user_id, day)
        for index in range(count * times if times > 1 and not at_service else count):
            found.calls.append(self._call(day, index))
        if times > 1:
            self._label_day(found, at_service, times)
        for index, call in enumerate(found.calls):
            self._disturb(found, index, call)
        return found

    def _label_day(self, found: SimulatedDay, service: str, times: int) -> None:
        """Raise the cost of a service in the calls of a day, and label the day."""
        if service:
            for call in found.calls:
                if service in call.costs:
                    _multiply(call, service, times)
        cost = sum(
            sum(call.costs.values()) if not service else call.costs.get(service, 0)
            for call in found.calls
        )
        if cost * (times - 1) // times >= day_rule.EXCESS_NANO_MIN:
            label = Label("day_spike", found.day.isoformat(), service, times)
            found.labels.append(label)

    def _disturb(self, found: SimulatedDay, index: int, call: call_rule.CheckedCall) -> None:
        rng = self._rng
        if rng.randrange(_CALL_SPIKE_OF) == 0:
            service, size = rng.choice(("elevenlabs", "elevenlabs", "cerebras")), rng.choice(SIZES)
            before = call.costs.get(service, 0)
            if before * (size - 1) >= call_rule.EXCESS_NANO_MIN:
                _multiply(call, service, size)
                found.labels.append(Label("call_spike", call.call_id, service, size))
        elif rng.randrange(_LOST_LEG_OF) == 0:
            service = rng.choice(list(LEG_SERVICES))
            talked = call.duration_ms >= call_rule.CONVERSATION_MS_MIN and call.status != "failed"
            if service in call.costs and talked:
                found.calls[index] = call._replace(
                    costs={name: nano for name, nano in call.costs.items() if name != service}
                )
                leg = LEG_SERVICES[service]
                found.labels.append(Label("missing_leg", call.call_id, leg, 1))

    def _call(self, day: date, index: int) -> call_rule.CheckedCall:
        rng = self._rng
        persona = rng.choices((*self._favourites, rng.choice(_PERSONAS)), (70, 22, 8))[0]
        outcome: CallStatus = rng.choices(("completed", "failed", "terminated"), (88, 5, 7))[0]
        duration_ms = round(1000 * min(1800.0, rng.lognormvariate(5.0, 0.7)))
        if outcome == "failed":
            duration_ms = rng.randrange(800, 25_000)
        begins = datetime(day.year, day.month, day.day, tzinfo=UTC) + timedelta(minutes=index)
        ends = begins + timedelta(milliseconds=duration_ms)
        return call_rule.CheckedCall(
            f"{self._user_id} {day} {index}",
            self._user_id,
            persona.name,
            outcome,
            duration_ms,
            self._costs(persona, duration_ms, outcome),
            True,
            begins,
            ends,
            ends,
        )

    def _costs(self, persona: _Persona, duration_ms: int, outcome: str) -> dict[str, int]:
        rng, minutes = self._rng, duration_ms / 60_000
        costs = {
            "twilio": 14_000_000 * call_rule.minutes_of(duration_ms),
            "deepgram": round(5_900_000 * minutes * rng.uniform(0.5, 1.0)),
            "cerebras": round(persona.thinking * _MICRO * minutes * rng.uniform(0.7, 1.4)),
            "elevenlabs": round(persona.speaking * _MICRO * minutes * rng.lognormvariate(0, 0.3)),
        }
        # The context grows with each turn, and the cost of inference with it.
        costs["cerebras"] = round(costs["cerebras"] * (1 + min(minutes, 10.0) / 8))
        if outcome == "failed" or duration_ms < call_rule.CONVERSATION_MS_MIN:
            # Possibly nothing was said.
            costs = {name: nano for name, nano in costs.items() if rng.randrange(2)}
        return {name: nano for name, nano in costs.items() if nano}


def _multiply(call: call_rule.CheckedCall, service: str, times: int) -> None:
    costs = call.costs
    assert isinstance(costs, dict)
    costs[service] *= times


def _poisson(rng: Random, mean: float) -> int:
    """Return a Poisson-distributed number of calls (Knuth's algorithm)."""
    limit, product, calls = exp(-mean), rng.random(), 0
    while product > limit:
        product *= rng.random()
        calls += 1
    return calls
