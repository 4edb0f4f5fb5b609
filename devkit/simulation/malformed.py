"""Events that must be refused, one for each kind of error, with the expected refusal code.

Each is made from a valid `cost.recorded` event and has its own identity, so that it cannot affect
the valid one.
"""

from __future__ import annotations

from collections.abc import Callable
from random import Random
from typing import Any, Final, NamedTuple

import msgspec

from devkit.simulation.wire import encode, uuid7
from schemas.refusals import RefusalCode

SOURCE: Final = "/call-me-back/broken-emitter"
_KIB: Final = 1024


class Malformation(NamedTuple):
    """A kind of error. `by_ledger`: the event is well-formed, but the ledger cannot count it."""

    name: str
    code: RefusalCode
    make: Callable[[dict[str, Any]], bytes]
    by_ledger: bool = False


def _data(**changes: object) -> Callable[[dict[str, Any]], bytes]:
    return lambda event: encode(event | {"data": event["data"] | changes})


def _attributes(**changes: object) -> Callable[[dict[str, Any]], bytes]:
    return lambda event: encode(event | changes)


def _cut_off(event: dict[str, Any]) -> bytes:
    return encode(event)[:-9]


def _not_utf8(event: dict[str, Any]) -> bytes:
    return encode(event).replace(b'"unit":"', b'"unit":"\xff\xfe', 1)


def _without_usage(event: dict[str, Any]) -> bytes:
    data = {name: value for name, value in event["data"].items() if not name.startswith("usage")}
    return encode(event | {"data": data})


MALFORMATIONS: Final = (
    Malformation("not_json", "invalid_json", _cut_off),
    Malformation("not_utf8", "invalid_json", _not_utf8),
    Malformation("wrong_type", "invalid_event", _data(callId=42)),
    Malformation("missing_usage", "invalid_event", _without_usage),
    Malformation("unknown_event_type", "invalid_event", _attributes(type="cost.imagined")),
    Malformation("malformed_unit", "invalid_event", _data(unit="Fur longs")),
    Malformation("not_a_number", "invalid_event", _data(usage="NaN")),
    Malformation("negative_usage", "invalid_event", _data(usage=-5)),
    Malformation("huge_usage", "invalid_event", _data(usage=10**12 + 1)),
    Malformation("long_text", "invalid_event", _data(operation="o" * 256)),
    Malformation(
        "large_metadata", "invalid_event", _data(metadata={"note": "m" * (8 * _KIB)})
    ),
    Malformation("time_ahead", "invalid_event", _attributes(time="2100-01-01T00:00:00Z")),
    Malformation("time_too_old", "too_old", _attributes(time="2015-01-01T00:00:00Z")),
    Malformation("too_large", "too_large", _attributes(padding="p" * (64 * _KIB))),
    Malformation(
        "cost_above_limit",
        "invalid_event",
        _data(model="a-model-without-price", service="cerebras", operation="inference",
              unit="tokens", usage=10**12, usages=None, totalCost=None, unitCost=1),
        by_ledger=True,
    ),
)  # fmt: skip


def malform(good: bytes, number: int, rng: Random) -> tuple[bytes, Malformation]:
    """Return a malformed copy of a valid cost event with error number `number` (modulo all)."""
    event: dict[str, Any] = msgspec.json.decode(good)
    event |= {"id": uuid7(rng.getrandbits(40), rng), "source": SOURCE}
    malformation = MALFORMATIONS[number % len(MALFORMATIONS)]
    return malformation.make(event), malformation
