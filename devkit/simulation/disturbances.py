"""Disturbances between emitters and the topic: repeats, malformed events, disorder.

Each is applied to a timeline and changes nothing else: the same plan contains the same valid
events with and without it.
"""

from __future__ import annotations

import heapq
from collections.abc import Iterable, Iterator
from random import Random
from typing import Any, Final

import msgspec

from devkit.simulation.malformed import malform
from devkit.simulation.wire import ScheduledRecord, encode

_REPEAT_DISTANCE_MAX: Final = 200
"""The maximum distance, in events, between an event and its repeat."""
_COST: Final = b'"type":"cost.recorded"'
_TELEPHONE: Final = b'"service":"twilio"'
_SPEECH: Final = b'"service":"elevenlabs"'
_SPEECH_FACTOR: Final = 25
"""The factor of the speech usage in an anomalous call."""
WHOLE_SHARE: Final = 10_000
"""A share of 100 %, because shares are in hundredths of a percent."""


def add_repeats(
    scheduled_records: Iterable[ScheduledRecord], share: int, seed: int
) -> Iterator[ScheduledRecord]:
    """Send `share` of the events twice, unchanged, the second time a little later."""
    rng = Random(f"{seed}:repeats")  # noqa: S311 - reproducible, not secret
    repeats: list[tuple[int, ScheduledRecord]] = []
    last_us = 0
    for index, record in enumerate(scheduled_records):
        last_us = record.at_us
        yield record
        if rng.randrange(WHOLE_SHARE) < share:
            heapq.heappush(repeats, (index + rng.randrange(_REPEAT_DISTANCE_MAX), record))
        while repeats and repeats[0][0] <= index:
            yield heapq.heappop(repeats)[1]._replace(at_us=last_us)
    for _, record in repeats:
        yield record._replace(at_us=last_us)


def make_calls_anomalous(
    scheduled_records: Iterable[ScheduledRecord], share: int, seed: int
) -> Iterator[ScheduledRecord]:
    """Make `share` of the calls anomalous: half have no telephony cost, half a high speech cost.

    Identities do not change, so sending the same plan twice needs the same share.
    """
    for record in scheduled_records:
        is_telephone, is_speech = _TELEPHONE in record.value, _SPEECH in record.value
        if not is_telephone and not is_speech:
            yield record
            continue
        event: dict[str, Any] = msgspec.json.decode(record.value)
        rng = Random(f"{seed}:odd:{event['data']['callId']}")  # noqa: S311 - reproducible
        is_anomalous, lacks_telephony = rng.randrange(WHOLE_SHARE) < share, bool(rng.randrange(2))
        if is_anomalous and lacks_telephony and is_telephone:
            continue
        if is_anomalous and not lacks_telephony and is_speech and "totalCost" not in event["data"]:
            event["data"]["usage"] *= _SPEECH_FACTOR
            yield record._replace(value=encode(event))
            continue
        yield record


def add_malformed(
    scheduled_records: Iterable[ScheduledRecord], share: int, seed: int
) -> Iterator[ScheduledRecord]:
    """Add malformed events, `share` of the number of valid ones, of every kind in turn."""
    rng = Random(f"{seed}:malformed")  # noqa: S311 - reproducible, not secret
    added = owed = 0
    for record in scheduled_records:
        yield record
        owed += share
        if owed >= WHOLE_SHARE and _COST in record.value:
            owed -= WHOLE_SHARE
            value, _ = malform(record.value, added, rng)
            added += 1
            yield record._replace(value=value, is_valid=False)


def shuffle(
    scheduled_records: Iterable[ScheduledRecord], window_us: int, seed: int
) -> Iterator[ScheduledRecord]:
    """Shuffle the order of events within each window; the pace does not change."""
    rng = Random(f"{seed}:order")  # noqa: S311 - reproducible, not secret
    window: list[ScheduledRecord] = []
    for record in scheduled_records:
        if window and record.at_us - window[0].at_us >= window_us:
            yield from _shuffle_window(window, rng)
            window = []
        window.append(record)
    yield from _shuffle_window(window, rng)


def _shuffle_window(window: list[ScheduledRecord], rng: Random) -> Iterator[ScheduledRecord]:
    moments = [record.at_us for record in window]
    rng.shuffle(window)
    for at_us, record in zip(moments, window, strict=True):
        yield record._replace(at_us=at_us)
