"""`POST /api/webhooks/{provider}/{endpointId}`: a vendor reports the costs of calls.

The vendor's signature is the only credential. It is checked before the body is parsed. A success
means that the stream has the events; otherwise the vendor should try again.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping
from typing import Any, Final

from aiohttp import hdrs, web

from api.http.access import ADDRESS, Access, Route
from api.http.limits import RateLimiter, read_body
from api.http.options import ApiOptions
from api.http.parameters import NAME, value_of
from api.http.problems import Problem, not_found, rate_limited, refused, unauthorized
from api.http.replies import reply
from api.http.verification import verification_queue
from api.intake.event_stream import EventStream
from api.intake.publishing import publish, require_stream
from api.metrics.webhooks import WebhookMeter
from api.openapi.operations import JSON, Operation, Parameter, Tag
from api.webhooks.deliveries import SignatureError, WebhookDelivery, WebhookProvider
from api.webhooks.endpoints import CachedEndpoints, EndpointStore
from api.webhooks.intake import checked_events, have_user, require_room_for_held_events
from api.webhooks.providers import PROVIDERS
from ledger.operations.webhooks import WebhookEndpoint
from ledger.postgres.clock import Clock
from schemas.refusals import Refused
from schemas.webhooks import AcceptedWebhook

BODY_BYTES_MAX: Final = 4 * 1024 * 1024
"""Reports contain transcripts, and are larger than the events of services."""
FORM: Final = "application/x-www-form-urlencoded"
_UNKNOWN: Final = "There is no such endpoint, or the delivery is not signed with its secret."

USER: Final = Parameter("userId", "The user, for vendors whose bodies cannot name one.", NAME)
CALL: Final = Parameter("callId", "Our id of the call, for the same vendors.", NAME)
BODY_DIGEST: Final = Parameter("bodySHA256", "Twilio: the digest of a body in JSON.")
_PARAMETERS: Final = (USER, CALL, BODY_DIGEST)
_RECEIVE: Final = Operation(
    name="receiveWebhook",
    tag=Tag.REPORTING,
    summary="Receive a vendor's webhook",
    response=AcceptedWebhook,
    body={JSON: (dict[str, Any], list[dict[str, Any]]), FORM: dict[str, str]},
    example={"message": {"type": "end-of-call-report", "call": {"id": "7a4e2c1f"}}},
    query=_PARAMETERS,
    error_statuses=(404,),
)

_log: Final = logging.getLogger(__name__)


class WebhookRoutes:
    """The route of all providers; without a stream it answers 503."""

    def __init__(
        self, stream: EventStream | None, endpoints: EndpointStore, options: ApiOptions, now: Clock
    ) -> None:
        limits = options.limits
        self._stream = stream
        self._store = endpoints
        self._endpoints = CachedEndpoints(endpoints)
        self._limits = limits
        self.meter = WebhookMeter()
        self._public_url = options.public_url
        self._now = now
        self._queue = verification_queue(limits)
        self._rate = RateLimiter(limits.requests_per_second, limits.burst, limits.clients)

    def routes(self) -> tuple[Route, ...]:
        path = "/api/webhooks/{provider}/{endpointId}"
        return (Route("POST", path, Access.SIGNED, self.receive, _RECEIVE),)

    async def receive(self, request: web.Request) -> web.Response:
        """Verify a delivery, and answer once the stream has its events."""
        values = {parameter.name: value_of(request, parameter) for parameter in _PARAMETERS}
        query = {name: value for name, value in values.items() if value is not None}
        provider = PROVIDERS.get(request.match_info["provider"])
        if provider is None:
            raise not_found("There is no such provider of webhooks.")
        try:
            accepted = await self._receive(request, provider, query)
        except Problem:
            self.meter.count(provider.name, "refused")
            raise
        self.meter.count(provider.name, "accepted" if accepted.refused is None else "incomplete")
        return reply(accepted)

    async def _receive(
        self, request: web.Request, provider: WebhookProvider, query: Mapping[str, str]
    ) -> AcceptedWebhook:
        endpoint = await self._find(request, provider)
        body = await read_body(request, self._limits, BODY_BYTES_MAX)
        delivery = WebhookDelivery(request.headers, query, self._urls(request), body, self._now())
        try:
            await self._verify(request, provider, endpoint, delivery)
            # Others may know the address: what they send must not use up the vendor's rate.
            if wait_seconds := self._rate.take(endpoint.endpoint_id):
                raise rate_limited(wait_seconds, "requests_per_user")
            accepted = await self._accept(provider, endpoint, delivery)
        except Problem as problem:
            await self._note_refusal(endpoint, problem.message)
            raise
        await self._endpoints.note(endpoint.endpoint_id, None)
        if accepted.refused is not None:
            await self._note_refusal(endpoint, accepted.refused)
        return accepted

    async def _note_refusal(self, endpoint: WebhookEndpoint, message: str) -> None:
        await self._endpoints.note(endpoint.endpoint_id, message)
        _log.warning(
            "a webhook of %s is refused: %s",
            endpoint.provider,
            message,
            extra={"action": "webhook_refused", "provider": endpoint.provider},
        )

    async def _find(self, request: web.Request, provider: WebhookProvider) -> WebhookEndpoint:
        """Return the endpoint of the path; raises the 401 Problem, and 429 after many of them."""
        async with self._queue.turn(request[ADDRESS]):
            found = await self._endpoints.find(provider.name, request.match_info["endpointId"])
            if found is None:
                raise unauthorized(_UNKNOWN)
            return found

    async def _verify(
        self,
        request: web.Request,
        provider: WebhookProvider,
        endpoint: WebhookEndpoint,
        delivery: WebhookDelivery,
    ) -> None:
        """Raise the 401 Problem for a delivery that is not signed, or too old."""
        async with self._queue.turn(request[ADDRESS]):
            try:
                provider.verify(delivery, endpoint)
            except SignatureError as error:
                raise unauthorized(str(error)) from None

    async def _accept(
        self, provider: WebhookProvider, endpoint: WebhookEndpoint, delivery: WebhookDelivery
    ) -> AcceptedWebhook:
        """Put the events of a delivery in the stream; raises the Problem 400 or 503."""
        stream = require_stream(self._stream)
        try:
            reading = provider.read(delivery, endpoint)
            events = checked_events(provider, reading.drafts, delivery.received_at)
        except Refused as refusal:
            raise refused(refusal) from None
        if events and not have_user(reading.drafts):
            await require_room_for_held_events(self._store)
        await publish(stream, events)
        return AcceptedWebhook(events=len(events), ignored=reading.ignored, refused=reading.refused)

    def _urls(self, request: web.Request) -> tuple[str, ...]:
        """Return the addresses to which the vendor may have sent the request."""
        target = request.rel_url.raw_path_qs
        if self._public_url is not None:
            return (f"{self._public_url}{target}",)
        host = request.headers.get(hdrs.HOST, "")
        return tuple(f"{scheme}://{host}{target}" for scheme in ("https", "http"))
