"""Which parts of a finished call have cost nothing, although somebody talked.

A call stands on four legs: the telephone line, hearing, thinking and speaking. Each is paid to
somebody, so a leg without a cost is a cost that was lost on its way. Which leg a service stands
for follows from its operations in the price catalogue.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from typing import Final

from ledger.anomalies.call_spikes import TALK_MS_MIN, EndedCall
from schemas.anomalies import LEGS, Leg

_OF_OPERATION: Final[Mapping[str, Leg]] = {
    "outbound_call": "telephony",
    "inbound_call": "telephony",
    "streaming_stt": "speech_recognition",
    "prerecorded_stt": "speech_recognition",
    "inference": "inference",
    "tts": "speech_synthesis",
}

ServiceLegs = Mapping[str, frozenset[Leg]]
"""The legs that each service may stand for."""


def service_legs(operations: Iterable[tuple[str, str]]) -> ServiceLegs:
    """Return the legs of services, from pairs of a service and the name of an operation."""
    legs: dict[str, set[Leg]] = {}
    for service, operation in operations:
        if leg := _OF_OPERATION.get(operation):
            legs.setdefault(service, set()).add(leg)
    return {service: frozenset(some) for service, some in legs.items()}


def is_finished(call: EndedCall) -> bool:
    """Return whether a call that nothing more is heard of should have all of its legs.

    It ended in order, or was ended, after a talk; or nobody said that it ended, and it was charged.
    Failed calls and very short ones may well have cost nothing.
    """
    if call.status == "active":
        return call.charged
    return call.status != "failed" and call.duration_ms >= TALK_MS_MIN


def certain_legs(call: EndedCall, legs: ServiceLegs) -> frozenset[Leg]:
    """Return the legs that a call's services show by themselves: those that stand for only one."""
    shown = (legs.get(service, frozenset()) for service, nano in call.costs.items() if nano)
    return frozenset(leg for some in shown if len(some) == 1 for leg in some)


def present_legs(operations: Collection[tuple[str, str]], legs: ServiceLegs) -> frozenset[Leg]:
    """Return the legs that recorded operations, pairs of service and operation, show.

    An operation with a name of its own stands for what its service stands for, if that is one leg.
    """
    found: set[Leg] = set()
    for service, operation in operations:
        of_service = legs.get(service, frozenset())
        if leg := _OF_OPERATION.get(operation):
            found.add(leg)
        elif len(of_service) == 1:
            found |= of_service
    return frozenset(found)


def missing_legs(wanted: Collection[Leg], found: Collection[Leg]) -> list[Leg]:
    """Return the legs that are wanted and not found, in the order of a call."""
    return [leg for leg in LEGS if leg in wanted and leg not in found]
