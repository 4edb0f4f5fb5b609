"""What goes wrong between an emitter and the topic: repeats, broken events, disorder.

Each disturbance is laid over a timeline and changes nothing else in it: the same plan with and
without it holds the same good events.
"""

from __future__ import annotations

import heapq
from collections.abc import Iterable, Iterator
from random import Random
from typing import Any, Final

import msgspec

from devkit.simulation.malformed import malform
from devkit.simulation.wire import ScheduledRecord, encode

_REPEAT_WITHIN: Final = 200
"""A repeat follows within so many events."""
_COST: Final = b'"type":"cost.recorded"'
_TELEPHONE: Final = b'"service":"twilio"'
_SPEECH: Final = b'"service":"elevenlabs"'
_TIMES: Final = 25
"""How many times what was spoken an odd call is billed for."""
PERCENT: Final = 10_000
"""Shares are given in hundredths of a percent of all events: 1 % is 100."""


def with_repeats(
    sendings: Iterable[ScheduledRecord], share: int, seed: int
) -> Iterator[ScheduledRecord]:
    """Send `share` of the events again, the same bytes, a little later."""
    rng = Random(f"{seed}:repeats")  # noqa: S311 - reproducible, not secret
    again: list[tuple[int, ScheduledRecord]] = []
    last_us = 0
    for number, sending in enumerate(sendings):
        last_us = sending.at_us
        yield sending
        if rng.randrange(PERCENT) < share:
            heapq.heappush(again, (number + rng.randrange(_REPEAT_WITHIN), sending))
        while again and again[0][0] <= number:
            yield heapq.heappop(again)[1]._replace(at_us=last_us)
    for _, sending in again:
        yield sending._replace(at_us=last_us)


def with_odd_calls(
    sendings: Iterable[ScheduledRecord], share: int, seed: int
) -> Iterator[ScheduledRecord]:
    """Let `share` of the calls be odd: half lose what the telephone cost, half pay much for speech.

    That changes no identity; sending the same plan twice needs the same share.
    """
    for sending in sendings:
        is_telephone, is_speech = _TELEPHONE in sending.value, _SPEECH in sending.value
        if not is_telephone and not is_speech:
            yield sending
            continue
        event: dict[str, Any] = msgspec.json.decode(sending.value)
        rng = Random(f"{seed}:odd:{event['data']['callId']}")  # noqa: S311 - reproducible
        is_odd, loses = rng.randrange(PERCENT) < share, bool(rng.randrange(2))
        if is_odd and loses and is_telephone:
            continue
        if is_odd and not loses and is_speech and "totalCost" not in event["data"]:
            event["data"]["usage"] *= _TIMES
            yield sending._replace(value=encode(event))
            continue
        yield sending


def with_malformed(
    sendings: Iterable[ScheduledRecord], share: int, seed: int
) -> Iterator[ScheduledRecord]:
    """Add broken events, `share` of the good ones, in every way in turn."""
    rng = Random(f"{seed}:malformed")  # noqa: S311 - reproducible, not secret
    made = owed = 0
    for sending in sendings:
        yield sending
        owed += share
        if owed >= PERCENT and _COST in sending.value:
            owed -= PERCENT
            value, _ = malform(sending.value, made, rng)
            made += 1
            yield sending._replace(value=value, good=False)


def shuffled(
    sendings: Iterable[ScheduledRecord], window_us: int, seed: int
) -> Iterator[ScheduledRecord]:
    """Mix the order of what is sent within each window; the pace stays as it was."""
    rng = Random(f"{seed}:order")  # noqa: S311 - reproducible, not secret
    window: list[ScheduledRecord] = []
    for sending in sendings:
        if window and sending.at_us - window[0].at_us >= window_us:
            yield from _mixed(window, rng)
            window = []
        window.append(sending)
    yield from _mixed(window, rng)


def _mixed(window: list[ScheduledRecord], rng: Random) -> Iterator[ScheduledRecord]:
    moments = [sending.at_us for sending in window]
    rng.shuffle(window)
    for at_us, sending in zip(moments, window, strict=True):
        yield sending._replace(at_us=at_us)
