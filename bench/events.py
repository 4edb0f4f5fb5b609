"""The seeded events for all contenders: realistic calls, many at a time.

2,000 users have 20,000 active calls. A warm-up starts each call and records its first cost. The
measured part continues these calls in random order, as turns of many conversations reach a topic:
costs of four services, and sometimes a call that is charged and ends while another begins. Ids are
version 7 UUIDs, and times increase with the events, as emitters write them.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from random import Random
from typing import Final, NamedTuple
from uuid import UUID

from aiokafka.partitioner import murmur2

from devkit.simulation.wire import time_text, uuid7
from schemas.topics import DEFAULT_PARTITIONS

USERS: Final = 2_000
CALLS: Final = 20_000
WARM_UP_EVENTS: Final = 2 * CALLS
PERSONAS: Final = ("brad_001", "sarah_001", "alex_002", "maria_003")
_TURNOVER_PER_MILLE: Final = 5
"""Of a thousand measured events, the number that start a call, charge one, and end one, each."""
_EVENTS_PER_SECOND: Final = 400
"""The rate of the events' own times: this many calls cause a few hundred events per second."""
_REPEAT_DISTANCE_MAX: Final = 5_000
_WHOLE_SECONDS: Final = re.compile(rb'"usage":(\d+),("unit":"seconds")')
_TOKENS: Final = re.compile(rb'"usage":(\d+),"unit":"tokens"')
_TOKEN_UNITS: Final = (
    "input_tokens",
    "cached_input_tokens",
    "cache_write_tokens",
    "output_tokens",
)
_ID: Final = re.compile(rb'"id":"[^"]*"')
_USER: Final = re.compile(rb'"userId":"[^"]*",')

_USAGE: Final = (
    ("twilio", "voice_outbound", "", "seconds", 30),
    ("deepgram", "stt_streaming", '"model":"nova-2",', "seconds", 12),
    ("cerebras", "chat_completion", '"model":"llama3.1-70b",', "tokens", 900),
    ("elevenlabs", "tts_generation", '"model":"eleven_turbo_v2_5",', "characters", 400),
)


class LoadRecord(NamedTuple):
    """A record for the topic, with the partition of its key."""

    partition: int
    key: bytes
    value: bytes


class Load(NamedTuple):
    """The records of the warm-up and those of the measured part."""

    warm_up: list[LoadRecord]
    measured: list[LoadRecord]


def partition_of(key: bytes) -> int:
    """Return the partition that every Kafka client chooses for a key."""
    return (int(murmur2(key)) & 0x7FFFFFFF) % DEFAULT_PARTITIONS


def user_ids() -> list[str]:
    """Return the ids of all users."""
    return [f"user-{number:05d}" for number in range(USERS)]


class LoadEmitter:
    """Writes events with increasing times."""

    def __init__(self, seed: int, start_ms: int) -> None:
        self.rng = Random(seed)
        self._start_ms = start_ms
        self._count = 0
        self._keys = user_ids()
        self._partitions = [partition_of(key.encode()) for key in self._keys]
        self._turns: dict[int, int] = {}

    def user_of(self, call: int) -> str:
        """Return the owner of a call."""
        return self._keys[call % USERS]

    def call_id(self, call: int) -> str:
        """Return the id of a call."""
        return f"call-{call:08d}"

    def started(self, call: int) -> LoadRecord:
        """Return the start of a call."""
        persona = PERSONAS[call % len(PERSONAS)]
        data = f'"personaId":"{persona}","direction":"outbound","expectedDuration_seconds":300'
        return self._record("call.started", "voice-gateway", call, data)

    def cost_at(self, call: int, time_ms: int) -> LoadRecord:
        """Return the cost of one service in a turn of a call at a given time."""
        self._count, self._start_ms = 0, time_ms
        return self.cost(call)

    def cost(self, call: int) -> LoadRecord:
        """Return the cost of one service in a turn of a call."""
        turn = self._turns[call] = self._turns.get(call, 0) + 1
        service, operation, model, unit, usage_max = _USAGE[turn % len(_USAGE)]
        usage = self.rng.randint(1, usage_max)
        data = (
            f'"service":"{service}","operation":"{operation}",{model}"usage":{usage},'
            f'"unit":"{unit}","metadata":{{"turn":{turn}}}'
        )
        return self._record("cost.recorded", f"{service}-adapter", call, data)

    def charged(self, call: int) -> LoadRecord:
        """Return the charge of a call."""
        data = '"amount":4.99,"fee":0.445,"processor":"stripe"'
        return self._record("call.charged", "billing", call, data)

    def ended(self, call: int) -> LoadRecord:
        """Return the end of a call."""
        data = f'"status":"completed","duration_seconds":{self.rng.randint(60, 600)}'
        return self._record("call.ended", "voice-gateway", call, data)

    def _record(self, kind: str, source: str, call: int, data: str) -> LoadRecord:
        time_ms = self._start_ms + self._count * 1_000 // _EVENTS_PER_SECOND
        self._count += 1
        user, call_id = self.user_of(call), self.call_id(call)
        value = (
            f'{{"specversion":"1.0","id":"{uuid7(time_ms, self.rng)}","source":"{source}",'
            f'"type":"{kind}","subject":"{call_id}","time":"{time_text(time_ms)}",'
            f'"datacontenttype":"application/json",'
            f'"data":{{"callId":"{call_id}","userId":"{user}",{data}}}}}'
        )
        return LoadRecord(self._partitions[call % USERS], user.encode(), value.encode())


def make_load(seed: int, events: int, end_ms: int) -> Load:
    """Return the load for these arguments; its last event is at about `end_ms`."""
    total_ms = (WARM_UP_EVENTS + events) * 1_000 // _EVENTS_PER_SECOND
    emitter = LoadEmitter(seed, end_ms - total_ms)
    warm_up = [emitter.started(call) for call in range(CALLS)]
    warm_up += [emitter.cost(call) for call in range(CALLS)]
    return Load(warm_up, list(_conversations(emitter, events)))


def _conversations(emitter: LoadEmitter, events: int) -> Iterator[LoadRecord]:
    """Yield the turns of many calls, of which a few end while as many begin."""
    rng, calls = emitter.rng, list(range(CALLS))
    newest = CALLS
    left = events
    while left > 0:
        index = rng.randrange(CALLS)
        if left >= 3 and rng.randrange(1_000) < _TURNOVER_PER_MILLE:
            yield emitter.charged(calls[index])
            yield emitter.ended(calls[index])
            yield emitter.started(newest)
            calls[index] = newest
            newest += 1
            left -= 3
        else:
            yield emitter.cost(calls[index])
            left -= 1


def with_repeats(records: Sequence[LoadRecord], percent: int, seed: int) -> list[LoadRecord]:
    """Return the records with `percent` of them repeated, up to some thousand records later."""
    rng = Random(seed)
    due: dict[int, list[LoadRecord]] = {}
    result: list[LoadRecord] = []
    for index, record in enumerate(records):
        result.append(record)
        if rng.randrange(100) < percent:
            later = index + rng.randint(1, _REPEAT_DISTANCE_MAX)
            due.setdefault(later, []).append(record)
        result += due.pop(index, [])
    return result + [record for index in sorted(due) for record in due[index]]


def as_varied(records: Sequence[LoadRecord], seed: int) -> list[LoadRecord]:
    """Return the records with costs in the style of various emitters.

    Seconds have a fraction; one of four costs has no user, one of ten has its own price.
    """
    rng = Random(seed)
    return [
        record._replace(value=_varied(record.value, rng))
        if b'"type":"cost.recorded"' in record.value
        else record
        for record in records
    ]


def _varied(cost: bytes, rng: Random) -> bytes:
    cost = _WHOLE_SECONDS.sub(rb'"usage":\1.%d,\2' % rng.randrange(10), cost)
    if rng.randrange(4) == 0:
        cost = _USER.sub(b"", cost)
    if rng.randrange(10) == 0:
        price = b',"unitCost":"0.00015","totalCost":"0.0%04d"}}' % rng.randrange(10_000)
        cost = cost.removesuffix(b"}}") + price
    return cost


def with_usages(records: Sequence[LoadRecord]) -> list[LoadRecord]:
    """Return the records with each usage of tokens as four quantities of one request."""
    return [record._replace(value=_TOKENS.sub(_request, record.value)) for record in records]


def _request(found: re.Match[bytes]) -> bytes:
    tokens = int(found[1])
    quantities = zip(_TOKEN_UNITS, (tokens, tokens // 2, tokens // 3, tokens // 9), strict=True)
    usages = ",".join(f'{{"unit":"{unit}","quantity":{number}}}' for unit, number in quantities)
    return f'"usages":[{usages}]'.encode()


def with_random_ids(records: Sequence[LoadRecord], seed: int) -> list[LoadRecord]:
    """Return the records with version 4 UUIDs as ids, which makes keys unordered."""
    rng = Random(seed)

    def random_id(_: re.Match[bytes]) -> bytes:
        return b'"id":"%s"' % str(UUID(int=rng.getrandbits(128), version=4)).encode()

    return [record._replace(value=_ID.sub(random_id, record.value, count=1)) for record in records]


def mean_bytes(records: Iterable[LoadRecord]) -> int:
    """Return the average size of an event."""
    sizes = [len(record.value) for record in records]
    return sum(sizes) // max(1, len(sizes))
