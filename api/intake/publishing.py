"""Publishes the events of requests, which are answered once the stream has them."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from typing import Final

from aiohttp import web

from api.http.problems import unavailable
from api.http.replies import reply
from api.intake.event_stream import EventStream, StreamUnavailableError
from api.intake.events import CheckedEvent
from schemas.intake import Accepted

_PUBLISHED_MAX: Final = 500
"""The maximum number of events that are published at once."""

_log: Final = logging.getLogger(__name__)


def require_stream(stream: EventStream | None) -> EventStream:
    """Return the stream; raises the 503 Problem without one."""
    if stream is None:
        raise unavailable("The event stream")
    return stream


async def publish(stream: EventStream, events: Sequence[CheckedEvent]) -> None:
    """Return once the stream has all events; raises the 503 Problem.

    After an error the client repeats the request, and the events that are stored count once.
    """
    outgoing = [event.outgoing for event in events]
    try:
        for start in range(0, len(outgoing), _PUBLISHED_MAX):
            await stream.put(outgoing[start : start + _PUBLISHED_MAX])
    except StreamUnavailableError as error:
        _log.warning("no event stream: %s", error, extra={"action": "stream_unavailable"})
        raise unavailable("The event stream") from None


def accepted(events: Sequence[CheckedEvent]) -> web.Response:
    """Return 202 with the identities of published events."""
    return reply(Accepted(accepted=[event.reference for event in events]), status=202)
