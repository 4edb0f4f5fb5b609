"""The intake routes: services report costs over HTTP; answered once Kafka has the events."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Final
from urllib.parse import unquote

from aiohttp import web

from api.http.access import CALLER, REPORTED_CALL, Access, Route
from api.http.limits import read_body
from api.http.options import RequestLimits
from api.http.problems import Problem, invalid_parameter, refused
from api.http.tracing import traced_request
from api.intake.event_stream import EventStream
from api.intake.events import (
    CheckedEvent,
    IntakeContext,
    batch_events,
    binary_event,
    cost_event,
    end_events,
    structured_event,
)
from api.intake.publishing import accepted, publish, require_stream
from api.intake.sources import SourceGuard, SourceOwnerStore
from api.openapi.operations import JSON, Operation, Parameter, Tag
from ledger.postgres.clock import Clock
from schemas.envelopes import Envelope
from schemas.events import DATA_TYPES
from schemas.intake import Accepted, Finalize, Track
from schemas.refusals import Refused

_EVENT_CONTENT_TYPE: Final = "application/cloudevents+json"
_BATCH_CONTENT_TYPE: Final = "application/cloudevents-batch+json"
_ATTRIBUTE: Final = "ce-"
_KEY: Final = "Idempotency-Key"
_KEY_CHARACTERS_MAX: Final = 200

IDEMPOTENCY_KEY: Final = Parameter(
    _KEY,
    "Identifies a request: repeats with the same key count once.",
    {"type": "string", "minLength": 1, "maxLength": _KEY_CHARACTERS_MAX},
)
ATTRIBUTES: Final = tuple(
    Parameter(
        f"{_ATTRIBUTE}{name}",
        "In binary mode, where the body is the event's data only: the attribute "
        f"`{name}`, percent-encoded.",
    )
    for name in ("specversion", "id", "source", "type", "time", "subject")
)
_TRACK: Final = Operation(
    name="trackCost",
    tag=Tag.REPORTING,
    summary="Record a cost",
    response=Accepted,
    status=202,
    body=Track,
    example={
        "callId": "5d0a6c1e",
        "userId": "alice",
        "service": "twilio",
        "operation": "voice_call",
        "usageAmount": 5,
        "usageUnit": "minutes",
    },
    headers=(IDEMPOTENCY_KEY,),
)
_FINALIZE: Final = Operation(
    name="finalizeCall",
    tag=Tag.REPORTING,
    summary="Finalize a call, with the charge of its user",
    response=Accepted,
    status=202,
    body=Finalize,
    example={"duration_seconds": 300, "amount": 4.99},
    headers=(IDEMPOTENCY_KEY,),
)
_EVENTS: Final = Operation(
    name="sendEvents",
    tag=Tag.REPORTING,
    summary="Send CloudEvents: one, or a batch of up to 500, all or none",
    response=Accepted,
    status=202,
    body={
        _EVENT_CONTENT_TYPE: Envelope,
        _BATCH_CONTENT_TYPE: list[Envelope],
        # The event's data only, if its attributes are in headers.
        JSON: (Envelope, list[Envelope], *DATA_TYPES.values()),
    },
    headers=ATTRIBUTES,
    example={
        "specversion": "1.0",
        "type": "call.refunded",
        "source": "billing",
        "id": "refund-1",
        "time": "2025-11-19T12:05:00Z",
        "data": {"callId": "5d0a6c1e", "userId": "alice", "amount": 4.99},
    },
)


class IntakeRoutes:
    """The routes for services that report costs; without a stream they answer 503."""

    def __init__(
        self,
        stream: EventStream | None,
        owners: SourceOwnerStore,
        limits: RequestLimits,
        now: Clock,
    ) -> None:
        self._stream = stream
        self._sources = SourceGuard(owners)
        self._limits = limits
        self._now = now

    def routes(self) -> tuple[Route, ...]:
        finalize = "/api/costs/call/{callId}/finalize"
        return (
            Route("POST", "/api/costs/track", Access.EMITTER, self.track, _TRACK),
            Route("POST", finalize, Access.EMITTER, self.finalize, _FINALIZE),
            Route("POST", "/api/costs/events", Access.EMITTER, self.events, _EVENTS),
        )

    async def track(self, request: web.Request) -> web.Response:
        """Accept one cost."""
        context = self._context(request)
        body = await read_body(request, self._limits)
        return await self._accept(request, lambda: [cost_event(body, context)])

    async def finalize(self, request: web.Request) -> web.Response:
        """Accept the end of a call, and the charge of its user."""
        context, call_id = self._context(request), request.match_info["callId"]
        body = await read_body(request, self._limits)
        return await self._accept(request, lambda: end_events(call_id, body, context))

    async def events(self, request: web.Request) -> web.Response:
        """Accept a CloudEvent or a batch of them, in any of the three content modes of HTTP.

        A source belongs to the service that used it first; other services get a 403.
        """
        body = await read_body(request, self._limits, self._limits.batch_bytes)
        return await self._accept(
            request, lambda: self._cloudevents(request, body), names_sources=True
        )

    def _cloudevents(self, request: web.Request, body: bytes) -> list[CheckedEvent]:
        now, content_type = self._now(), request.content_type
        attributes = _attributes(request)
        if content_type == _EVENT_CONTENT_TYPE:
            return [structured_event(body, now)]
        if content_type != _BATCH_CONTENT_TYPE and attributes:
            return [binary_event(attributes, body, now)]
        if content_type == _BATCH_CONTENT_TYPE or body.lstrip()[:1] == b"[":
            return batch_events(body, self._limits.batch_events, now)
        return [structured_event(body, now)]

    async def _accept(
        self,
        request: web.Request,
        make_events: Callable[[], Sequence[CheckedEvent]],
        *,
        names_sources: bool = False,
    ) -> web.Response:
        """Answer 202 once the stream has every event; raises the Problem 400, 403 or 503.

        `names_sources` says whether the caller chose the sources.
        """
        stream = require_stream(self._stream)
        try:
            events = make_events()
        except Refused as refusal:
            raise refused(refusal) from None
        if request[CALLER].role != "admin" and not all(event.call_id for event in events):
            raise Problem(403, "forbidden", "Only administrators may send events of credit.")
        request[REPORTED_CALL] = events[0].call_id
        if names_sources:
            sources = [event.reference.source for event in events]
            await self._sources.check(request[CALLER], sources)
        with traced_request(request):
            await publish(stream, events)
        return accepted(events)

    def _context(self, request: web.Request) -> IntakeContext:
        return IntakeContext(request[CALLER].user_id, idempotency_key_of(request), self._now())


def idempotency_key_of(request: web.Request) -> str | None:
    """Return the `Idempotency-Key`, with or without quotes."""
    values = request.headers.getall(_KEY, [])
    if not values:
        return None
    key = values[0].strip()
    if len(key) > 1 and key[0] == key[-1] == '"':
        key = key[1:-1]
    if len(values) > 1 or not 0 < len(key) <= _KEY_CHARACTERS_MAX or not _is_plain(key):
        raise invalid_parameter(
            _KEY, f"must be given once and have 1 to {_KEY_CHARACTERS_MAX} printable characters"
        )
    return key


def _is_plain(text: str) -> bool:
    return text.isascii() and text.isprintable()


def _attributes(request: web.Request) -> dict[str, str]:
    """Return the CloudEvents attributes in the headers, percent-decoded."""
    return {
        name[len(_ATTRIBUTE) :].lower(): unquote(value)
        for name, value in request.headers.items()
        if name.lower().startswith(_ATTRIBUTE)
    }
