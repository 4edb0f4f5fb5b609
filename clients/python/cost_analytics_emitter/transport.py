"""The interface of transports, and the result of one attempt."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Protocol

from cost_analytics_emitter.events import Event


@dataclass(frozen=True)
class Reply:
    """The result of one attempt.

    `accepted` are the ids of stored events. With `refusal` the receiver will never accept the
    events as they are: a code, and `message`. With neither, the attempt failed and is repeated,
    after `retry_seconds` if the receiver asked for it; `message` says why.
    """

    accepted: Collection[str] = ()
    refusal: str = ""
    message: str = ""
    retry_seconds: float = 0


class Transport(Protocol):
    """Sends events from the sender's thread only."""

    def send(self, events: Sequence[Event]) -> Reply:
        """Send events, with a time limit. Does not raise for failures of the receiver."""

    def close(self) -> None:
        """Release connections."""
