"""Missing legs: parts of a finished call without a cost, although the call had a conversation.

A call has four legs: telephony, speech recognition, inference and speech synthesis. Each is paid
for, so a leg without a cost means that its event was lost. The operations in the price catalogue
define which legs a service covers.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from typing import Final

from ledger.anomalies.call_spikes import CONVERSATION_MS_MIN, CheckedCall
from schemas.anomalies import LEGS, Leg

_LEG_OF_OPERATION: Final[Mapping[str, Leg]] = {
    "outbound_call": "telephony",
    "inbound_call": "telephony",
    "streaming_stt": "speech_recognition",
    "prerecorded_stt": "speech_recognition",
    "inference": "inference",
    "tts": "speech_synthesis",
}

ServiceLegs = Mapping[str, frozenset[Leg]]
"""The legs that each service may cover."""


def leg_of(operation: str) -> Leg | None:
    """Return the leg of an operation, None if it is unknown."""
    return _LEG_OF_OPERATION.get(operation)


def service_legs(operations: Iterable[tuple[str, str]]) -> ServiceLegs:
    """Return the legs of services, from pairs of a service and an operation."""
    legs: dict[str, set[Leg]] = {}
    for service, operation in operations:
        if leg := leg_of(operation):
            legs.setdefault(service, set()).add(leg)
    return {service: frozenset(covered) for service, covered in legs.items()}


def needs_all_legs(call: CheckedCall) -> bool:
    """Return whether a call must have all legs once it does not change any more.

    It ended after a conversation without failing, or it has no end but was charged. Failed calls
    and very short ones may have cost nothing.
    """
    if call.status in ("active", "abandoned"):
        return call.charged
    return call.status != "failed" and call.duration_ms >= CONVERSATION_MS_MIN


def certain_legs(call: CheckedCall, legs: ServiceLegs) -> frozenset[Leg]:
    """Return the legs that a call certainly has: those of its services with only one leg."""
    legs_by_service = (
        legs.get(service, frozenset()) for service, nano in call.costs.items() if nano
    )
    return frozenset(
        leg for candidates in legs_by_service if len(candidates) == 1 for leg in candidates
    )


def present_legs(operations: Collection[tuple[str, str]], legs: ServiceLegs) -> frozenset[Leg]:
    """Return the legs of recorded operations, pairs of service and operation.

    An unknown operation counts for its service's leg, if the service has exactly one.
    """
    present: set[Leg] = set()
    for service, operation in operations:
        of_service = legs.get(service, frozenset())
        if leg := leg_of(operation):
            present.add(leg)
        elif len(of_service) == 1:
            present |= of_service
    return frozenset(present)


def missing_legs(required: Collection[Leg], present: Collection[Leg]) -> list[Leg]:
    """Return the required legs that are not present, in the order of a call."""
    return [leg for leg in LEGS if leg in required and leg not in present]
