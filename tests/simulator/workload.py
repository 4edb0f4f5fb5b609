"""The records of one run: whole calls with repeats, disorder and events that cannot count."""

import random
from dataclasses import dataclass, field
from datetime import timedelta
from decimal import Decimal
from typing import Any

from tests.simulator.clock import START
from tests.support.events import (
    SOURCE,
    Plain,
    charged,
    cost,
    ended,
    refunded,
    started,
    structured,
    voided,
)

USD = 10**9
UNITS = (
    {"service": "deepgram", "operation": "stt_streaming", "unit": "seconds", "model": "nova-2"},
    {"service": "cerebras", "operation": "inference", "unit": "tokens", "model": "llama3.1-8b"},
    {"service": "elevenlabs", "operation": "tts", "unit": "characters"},
    {"service": "twilio", "operation": "voice", "unit": "minutes"},
    {
        "service": "openai",
        "operation": "inference",
        "model": "gpt-4-turbo",
        "usage": None,
        "unit": None,
        "usages": [
            {"unit": "output_tokens", "quantity": 57},
            {"unit": "input_tokens", "quantity": "1310.5"},
        ],
    },
)
UNKNOWN_PRICE = {"service": "unknown", "operation": "sing", "unit": "requests"}
LIMITS = {"daily": 8 * USD, "monthly": 20 * USD, "call": USD // 50}
"""Limits in nano-dollars, of each user that has limits."""
THRESHOLDS = (50, 80, 100)
AGES = (timedelta(0), timedelta(0), timedelta(days=1), timedelta(days=40))


@dataclass
class PlannedRecord:
    """One record; `plain` is None for a value that is no event."""

    value: bytes
    key: bytes
    plain: Plain | None = None


@dataclass
class Workload:
    """The records of one run in sending order."""

    sendings: list[PlannedRecord] = field(default_factory=list)
    limited: list[str] = field(default_factory=list)

    @property
    def events(self) -> list[Plain]:
        """Return the sent decodable events, with repeats."""
        return [sending.plain for sending in self.sendings if sending.plain is not None]

    @property
    def broken(self) -> list[bytes]:
        """Return the values that are no events."""
        return [sending.value for sending in self.sendings if sending.plain is None]


def make_workload(rng: random.Random) -> Workload:
    """Return the events of some calls of a few users, shuffled within a window."""
    users = [f"user-{number}" for number in range(rng.randint(1, 4))]
    numbers = iter(range(10_000))
    events: list[Plain] = []
    for call in range(rng.randint(2, 8)):
        events += _call(rng, f"call-{call}", rng.choice(users))
    for event in events:
        event["id"] = f"event-{next(numbers)}"
        if event["type"] == "cost.voided":
            event["data"]["voids"] = {"source": SOURCE, "id": event.pop("of")["id"]}
    events += rng.sample(events, len(events) // 6)
    window = rng.choice([1, 5, 1000])
    order = sorted(range(len(events)), key=lambda place: place + rng.randrange(window))
    sendings = [_sending(events[place]) for place in order]
    for number in range(rng.choice([0, 4, 12])):
        broken = PlannedRecord(b"{broken %d" % number, rng.choice(users).encode())
        sendings.insert(rng.randrange(len(sendings)), broken)
    return Workload(sendings, [user for user in users if rng.random() < 0.6])


def _sending(plain: Plain) -> PlannedRecord:
    key = plain["data"].get("userId") or plain["data"]["callId"]
    return PlannedRecord(structured(plain), str(key).encode(), plain)


def _call(rng: random.Random, call: str, user: str) -> list[Plain]:
    began = START - rng.choice(AGES) - timedelta(minutes=rng.randrange(1, 60))

    def at(seconds: int) -> dict[str, Any]:
        return {
            "time": began + timedelta(seconds=seconds),
            "user": user if rng.random() < 0.7 else None,
        }

    costs = [
        cost(call, **{"usage": rng.randrange(1, 900), **at(place), **rng.choice(UNITS)})
        for place in range(rng.randint(1, 12))
    ]
    events = [*costs]
    if rng.random() < 0.9:
        events.append(started(call, user, time=began))
    if rng.random() < 0.7:
        status = rng.choice(["completed", "completed", "failed"])
        events.append(ended(call, status=status, duration_seconds=rng.randrange(90), **at(30)))
    if rng.random() < 0.6:
        amount = Decimal(rng.randrange(1, 700)).scaleb(-2)
        events.append(charged(call, amount=amount, **at(31)))
    if rng.random() < 0.2:
        events.append(refunded(call, **at(32)))
    if rng.random() < 0.3:
        target = rng.choice(costs)
        void = voided(target, call, **at(33))
        void["of"] = target
        events.append(void)
    if rng.random() < 0.2:
        events.append(cost(call, user, usage=3, time=began, **UNKNOWN_PRICE))
    return events
