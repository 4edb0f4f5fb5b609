"""A seeded stream of whole calls with repeats, shuffled, for the fault tests."""

import random
from datetime import UTC, datetime, timedelta

from tests.support.events import Plain, charged, cost, ended, refunded, started, voided

_ONE_HOUR_AGO = datetime.now(UTC).replace(microsecond=0) - timedelta(hours=1)
_USAGES = (
    {"service": "deepgram", "operation": "stt_streaming", "unit": "seconds", "model": "nova-2"},
    {"service": "cerebras", "operation": "inference", "unit": "tokens", "model": "llama3.1-8b"},
    {"service": "elevenlabs", "operation": "tts", "unit": "characters"},
    {"service": "twilio", "operation": "voice", "unit": "minutes"},
)


def stream_of_calls(calls: int, costs_each: int, *, seed: int) -> list[Plain]:
    """Return the events of whole calls of some users over two days, a tenth of them twice."""
    rng = random.Random(seed)
    events: list[Plain] = []
    for number in range(calls):
        events += _call(rng, f"call-{number}", f"user-{number % 17}", costs_each)
    events += rng.sample(events, len(events) // 10)
    rng.shuffle(events)
    return events


def _call(rng: random.Random, call: str, user: str, costs_each: int) -> list[Plain]:
    began = _ONE_HOUR_AGO - timedelta(minutes=rng.randrange(2 * 24 * 60))
    costs = [
        cost(
            call,
            user if rng.random() < 0.8 else None,
            time=began + timedelta(seconds=5 * place),
            usage=rng.randrange(1, 900),
            **rng.choice(_USAGES),
        )
        for place in range(costs_each)
    ]
    over = began + timedelta(seconds=5 * costs_each)
    events = [started(call, user, time=began), *costs, ended(call, user, time=over)]
    if rng.random() < 0.7:
        events.append(charged(call, user, time=over))
    if rng.random() < 0.1:
        events.append(refunded(call, user, time=over))
    if rng.random() < 0.2:
        events.append(voided(rng.choice(costs), call, user, time=over))
    return events
