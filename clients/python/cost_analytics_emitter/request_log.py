"""Requests of one language model: which of them reported usage, and estimates of the others.

A model answers one request at a time, so usage belongs to the request that was begun last. This
module does not depend on a framework.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timezone
from typing import Final, Literal, Protocol

from cost_analytics_emitter.estimates import estimate_tokens

Ending = Literal["", "finished", "interrupted", "failed"]

REASONS: Final[Mapping[Ending, str]] = {
    "": "the call ended during the request",
    "finished": "the service reported no usage of the request",
    "interrupted": "the request was interrupted",
    "failed": "the request failed after a part of the reply",
}


@dataclass
class VendorRequest:
    """One request to a model. `characters_sent` and `characters_received` are of its text.

    `is_sent` means that the service has sent it. `estimate_id` is the event of its estimate.
    """

    number: int
    model: str | None
    characters_sent: int
    is_sent: bool
    is_speculative: bool = False
    characters_received: int = 0
    ending: Ending = ""
    ended_at: datetime | None = None
    usages: int = 0
    estimate_id: str | None = None
    is_settled: bool = False

    @property
    def is_open(self) -> bool:
        return not self.ending

    def end(self, ending: Ending) -> None:
        """Note how the request ended; the first ending counts."""
        if not self.ending:
            self.ending, self.ended_at = ending, datetime.now(timezone.utc)

    def estimate(self) -> dict[str, int]:
        """Return the quantities of an estimate; empty if nothing is known."""
        quantities = {
            "input_tokens": estimate_tokens(self.characters_sent),
            "output_tokens": estimate_tokens(self.characters_received),
        }
        return {unit: quantity for unit, quantity in quantities.items() if quantity}


class Reporter(Protocol):
    """Reports the events of requests."""

    def report_estimate(self, request: VendorRequest, quantities: Mapping[str, int]) -> str:
        """Report an estimate, and return the id of its event."""

    def void_estimate(self, estimate_id: str) -> None:
        """Cancel an estimate: the real usage is known now."""

    def note_unknown(self, request: VendorRequest) -> None:
        """Note a request of which neither the usage nor any text is known."""


@dataclass
class RequestLog:
    """The requests of one model, of which only the last one matters.

    `is_realtime` is for models that hear and speak. Their text says nothing of their audio tokens,
    they report interrupted replies as well, and some report between replies. So nothing is
    estimated, and only a model that reports nothing at all is noted.
    """

    reporter: Reporter
    is_realtime: bool = False
    last: VendorRequest | None = field(default=None, init=False)
    has_usage: bool = field(default=False, init=False)

    def begin(
        self,
        number: int,
        model: str | None,
        *,
        characters_sent: int = 0,
        is_sent: bool,
        is_speculative: bool = False,
    ) -> None:
        """Begin a request; the one before is settled."""
        self.settle()
        self.last = VendorRequest(number, model, characters_sent, is_sent, is_speculative)

    def receive(self, characters: int) -> None:
        """Note a part of the reply."""
        if self.last:
            self.last.characters_received += characters

    def add_usage(self) -> bool:
        """Note usage that the service reported; return whether the figure is only an estimate.

        An estimate that was reported before is voided: the figure is the real one. What a service
        reports when its request is interrupted is what it had seen by then.
        """
        self.has_usage = True
        request = self.last
        if request is None:
            return False
        request.usages += 1
        if request.estimate_id is not None:
            self.reporter.void_estimate(request.estimate_id)
            request.estimate_id = None
            return False
        return request.ending == "interrupted" and not request.is_settled and not self.is_realtime

    def settle(self, ended: VendorRequest | None = None) -> None:
        """Report an estimate of the last request if it reported no usage, at most once.

        With `ended`, only if that is still the last request.
        """
        request = self.last
        if self.is_realtime or request is None or (ended is not None and ended is not request):
            return
        if request.is_settled or request.usages or not request.is_sent:
            return
        request.is_settled = True
        if request.ending == "failed" and not request.characters_received:
            return  # a vendor bills no request that it refused
        quantities = request.estimate()
        if quantities:
            request.estimate_id = self.reporter.report_estimate(request, quantities)
        else:
            self.reporter.note_unknown(request)

    def close(self) -> None:
        """Settle the last request at the end of the call."""
        self.settle()
        if self.is_realtime and self.last is not None and not self.has_usage:
            self.reporter.note_unknown(self.last)
