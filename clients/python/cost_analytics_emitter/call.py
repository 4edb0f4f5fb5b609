"""A phone call, as the bot reports it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime
from time import monotonic
from types import TracebackType
from typing import Any, Literal, Protocol, TypeAlias

from cost_analytics_emitter.events import Fields, Number, new_id, quantity_fields
from cost_analytics_emitter.reservations import Reservation, Reserver, planned_cost
from cost_analytics_emitter.usage_counts import Usages

Status: TypeAlias = Literal["completed", "failed", "terminated"]
Direction: TypeAlias = Literal["outbound", "inbound"]
Tags: TypeAlias = Mapping[str, str]


class EventQueue(Protocol):
    """Queues events; never blocks and never raises. `source` is the source of its events."""

    source: str
    reserver: Reserver

    def emit(
        self,
        event_type: str,
        make_data: Callable[[], Fields],
        *,
        event_id: str | None = None,
        at: datetime | None = None,
    ) -> str:
        """Queue an event of the data that `make_data` returns; return the event's id.

        An error of `make_data` is logged and counted as a refused event, not raised.
        """


class CallReference:
    """Reports events of a call that another program started, such as charges of a billing service.

    Every method returns the event's id at once, and never raises for a wrong value: such an event
    is not sent, but logged and counted as refused. `event_id` is an id of your own: events with the
    same one count once. `at` is when it happened, with a time zone; by default now. Money is in US
    dollars.
    """

    def __init__(
        self, queue: EventQueue, call_id: str, user: str | None, persona: str | None
    ) -> None:
        self.call_id, self.user, self.persona = call_id, user, persona
        self._queue = queue

    def usage(
        self,
        service: str,
        operation: str,
        quantity: Number | Mapping[str, Number],
        unit: str | None = None,
        *,
        model: str | None = None,
        unit_cost: Number | None = None,
        total_cost: Number | None = None,
        estimated: bool = False,
        price_context: Mapping[str, Any] | None = None,
        metadata: Mapping[str, Any] | None = None,
        tags: Tags | None = None,
        event_id: str | None = None,
        at: datetime | None = None,
    ) -> str:
        """Report what a vendor did: a quantity and its unit, or several quantities by unit.

        The price catalogue gives the cost, unless `total_cost` or `unit_cost` does.
        """

        def make_data() -> Fields:
            return {
                **self._call_fields(),
                "personaId": self.persona,
                "service": service,
                "operation": operation,
                **quantity_fields(quantity, unit),
                "model": model,
                "unitCost": unit_cost,
                "totalCost": total_cost,
                "estimated": estimated or None,
                "priceContext": price_context,
                "metadata": metadata,
                "tags": tags,
            }

        return self._queue.emit("cost.recorded", make_data, event_id=event_id, at=at)

    def llm_usage(
        self,
        convert: Callable[[Any], Usages],
        vendor_usage: object,
        *,
        service: str,
        model: str | None = None,
        operation: str = "inference",
        price_context: Mapping[str, Any] | None = None,
        metadata: Mapping[str, Any] | None = None,
        event_id: str | None = None,
        at: datetime | None = None,
    ) -> str:
        """Report a request to a model. `convert` splits `vendor_usage`, which the vendor reported.

        For instance `call.llm_usage(openai_chat_usages, response.usage, service="openai")`.
        """

        def make_data() -> Fields:
            return {
                **self._call_fields(),
                "personaId": self.persona,
                "service": service,
                "operation": operation,
                **quantity_fields(convert(vendor_usage), None),
                "model": model,
                "priceContext": price_context,
                "metadata": metadata,
            }

        return self._queue.emit("cost.recorded", make_data, event_id=event_id, at=at)

    async def reserve(
        self,
        amount: Number | None = None,
        *,
        service: str | None = None,
        operation: str | None = None,
        model: str | None = None,
        quantities: Mapping[str, Number] | None = None,
        lasts_seconds: int = 120,
        timeout_seconds: float = 1,
        if_unavailable: bool = True,
    ) -> Reservation:
        """Ask whether the call may cause a cost of at most `amount`, and reserve it if so.

        Instead of `amount`, pass `service`, `operation`, `model` and the maximum `quantities` by
        unit; the API prices them. Report the cost with the returned `event_id`. Without a
        decision within `timeout_seconds`, `granted` is `if_unavailable`. Never raises.
        """
        event_id = new_id()
        planned = {"service": service, "operation": operation, "model": model}
        try:
            cost = planned_cost(event_id, self._queue.source, amount, planned, quantities)
            body = {"userId": self.user, "costs": [cost], "lasts_seconds": lasts_seconds}
        except ValueError as error:
            return Reservation(if_unavailable, event_id, str(error), is_decided=False)
        return await self._queue.reserver.reserve(
            self.call_id, body, timeout_seconds, if_unavailable
        )

    def void(
        self,
        cost_id: str,
        reason: str,
        *,
        source: str | None = None,
        event_id: str | None = None,
        at: datetime | None = None,
    ) -> str:
        """Cancel a cost by its id, for instance an estimate whose real cost is known now.

        `source` is the source of the cost, by default this emitter's. A second void of the same
        cost changes nothing.
        """
        voids = {"id": cost_id, "source": source or self._queue.source}
        return self._emit("cost.voided", event_id, at, voids=voids, reason=reason)

    def charge(
        self,
        amount: Number,
        *,
        fee: Number | None = None,
        processor: str | None = None,
        event_id: str | None = None,
        at: datetime | None = None,
    ) -> str:
        """Report that the user was charged; `fee` is what the payment processor really took."""
        return self._emit("call.charged", event_id, at, amount=amount, fee=fee, processor=processor)

    def refund(
        self, amount: Number, *, event_id: str | None = None, at: datetime | None = None
    ) -> str:
        """Report that the user got money back."""
        return self._emit("call.refunded", event_id, at, amount=amount)

    def end(
        self,
        status: Status,
        seconds: Number,
        *,
        tags: Tags | None = None,
        event_id: str | None = None,
        at: datetime | None = None,
    ) -> str:
        """Report the end of the call and its duration.

        A `completed` call without a charge gets the default charge.
        """
        return self._emit(
            "call.ended", event_id, at, status=status, duration_seconds=seconds, tags=tags
        )

    def _call_fields(self) -> Fields:
        return {"callId": self.call_id, "userId": self.user}

    def _emit(
        self,
        event_type: str,
        event_id: str | None = None,
        at: datetime | None = None,
        **fields: Any,
    ) -> str:
        data = {**self._call_fields(), **fields}
        return self._queue.emit(event_type, lambda: data, event_id=event_id, at=at)


class Call(CallReference):
    """A call of this bot: `with` or `async with` reports its start and its end.

    It ends as `failed` after an exception, as `terminated` if the task was cancelled or the program
    was asked to exit, else as `completed`; `finish` sets another status.
    """

    def __init__(
        self,
        queue: EventQueue,
        call_id: str,
        user: str,
        persona: str,
        *,
        direction: Direction | None,
        expected_seconds: Number | None,
        tags: Tags | None,
        provider: str | None = None,
        provider_call_id: str | None = None,
    ) -> None:
        super().__init__(queue, call_id, user, persona)
        self._start_fields: Fields = {
            "personaId": persona,
            "direction": direction,
            "expectedDuration_seconds": expected_seconds,
            "tags": tags,
            "provider": provider,
            "providerCallId": provider_call_id,
        }
        self._started = monotonic()
        self._is_finished = False

    def start(self, *, tags: Tags | None = None, at: datetime | None = None) -> None:
        """Report the start; `with` calls this. `tags` are added to the tags of the call."""
        self._started = monotonic()
        fields = {**self._start_fields}
        if tags:
            fields["tags"] = {**(fields["tags"] or {}), **tags}
        self._queue.emit("call.started", lambda: {**self._call_fields(), **fields}, at=at)

    def finish(self, status: Status = "completed") -> None:
        """Report the end, with the time since the start, unless `finish` reported it already."""
        if not self._is_finished:
            self._is_finished = True
            self.end(status, round(monotonic() - self._started, 3))

    def __enter__(self) -> Call:
        self.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        if kind is None:
            self.finish()
        elif issubclass(kind, Exception):  # a cancelled task raises a BaseException
            self.finish("failed")
        else:
            self.finish("terminated")

    async def __aenter__(self) -> Call:
        return self.__enter__()

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.__exit__(kind, error, traceback)
