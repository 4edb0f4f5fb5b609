"""The HTTP intake with an event stream in memory."""

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

from api.intake.event_stream import OutgoingEvent, StreamUnavailableError
from schemas.cloudevents import Window, decode
from schemas.events import Event
from tests.support.api import ApiClient, ApiResponse, token

NOW = datetime.now(UTC).replace(microsecond=0)
SERVICE = token("pipeline", role="service")
TRACK, FINALIZE, EVENTS = "/api/costs/track", "/api/costs/call/call-1/finalize", "/api/costs/events"


class MemoryEventStream:
    """Keeps the events, or fails."""

    def __init__(self) -> None:
        self.events: list[OutgoingEvent] = []
        self.gone = False

    async def put(self, events: Sequence[OutgoingEvent]) -> None:
        if self.gone:
            raise StreamUnavailableError("no acknowledgement in time")
        self.events += events

    def decoded(self) -> list[Event]:
        window = Window.around(datetime.now(UTC))
        return [decode(event.value, (), window) for event in self.events]


async def send(api: ApiClient, path: str, body: Any, **headers: str) -> ApiResponse:
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return await api.ask("POST", path, bearer=SERVICE, body=body, headers=named)


def identities(stream: MemoryEventStream) -> set[str]:
    return {event.identity for event in stream.decoded()}
