"""Reports the usage of one Pipecat pipeline as costs of its call."""

from __future__ import annotations

import weakref
from collections.abc import Callable, Mapping
from functools import partial
from typing import Any, Final

from pipecat.metrics.metrics import (
    LLMUsageMetricsData,
    MetricsData,
    STTUsageMetricsData,
    TTSUsageMetricsData,
)
from pipecat.services.stt_service import SegmentedSTTService

from cost_analytics_emitter.call import Call
from cost_analytics_emitter.emitter import Emitter
from cost_analytics_emitter.estimates import count_characters
from cost_analytics_emitter.events import Fields
from cost_analytics_emitter.pipecat_names import name_of_class, name_of_host, service_name
from cost_analytics_emitter.request_log import REASONS, Ending, RequestLog, VendorRequest
from cost_analytics_emitter.service_names import stt_operation
from cost_analytics_emitter.usage_counts import Usages, VendorUsageError
from cost_analytics_emitter.vendor_usages import pipecat_usages

REPORTED_BY: Final = "pipecat-observer"


class PipecatUsage:
    """The costs of one call. Processors are only held weakly: a lost pipeline can be collected.

    Ids of events are `session:frame:index` for what a service reported, and
    `session:request:number` for an estimate.
    """

    def __init__(
        self, emitter: Emitter, call: Call, session: str, services: Mapping[str, str]
    ) -> None:
        self._emitter, self._call, self._session = emitter, call, session
        self._services = services
        self.tracing_context: Any = None
        self._traces: set[str] = set()
        self._logs: weakref.WeakKeyDictionary[Any, RequestLog] = weakref.WeakKeyDictionary()
        self._open_logs: list[RequestLog] = []
        self._requests = 0
        self._spoken: weakref.WeakKeyDictionary[Any, int] = weakref.WeakKeyDictionary()

    def new_trace(self) -> dict[str, str] | None:
        """Return a tag with the trace of the pipeline's spans, for one event; None if it was sent.

        The ledger does not count the spans of this trace as well.
        """
        trace_id = _trace_id(self.tracing_context)
        if trace_id is None or trace_id in self._traces:
            return None
        self._traces.add(trace_id)
        return {"trace_id": trace_id}

    def count(self, source: Any, frame_id: int, data: list[MetricsData]) -> None:
        """Report what a frame of metrics says about usage."""
        for index, one in enumerate(data):
            event_id = f"{self._session}:{frame_id}:{index}"
            if isinstance(one, LLMUsageMetricsData):
                self._count_request(source, one, event_id)
            elif isinstance(one, TTSUsageMetricsData):
                self._spoken.pop(source, None)
                self._count_quantity(source, one, event_id, "tts", one.value, "characters")
            elif isinstance(one, STTUsageMetricsData):
                is_streamed = not isinstance(source, SegmentedSTTService)
                service = self._service_of(source, one.processor)
                operation = stt_operation(service, is_streamed=is_streamed)
                seconds = one.value.audio_seconds
                self._count_quantity(source, one, event_id, operation, seconds, "seconds")

    def send(self, service: Any, context: Any, *, is_speculative: bool) -> None:
        """Note that a model is given a context to answer."""
        log = self._log_of(service)
        if not log.is_realtime:
            self._requests += 1
            log.begin(
                self._requests,
                _model_of(service),
                characters_sent=_context_size(service, context),
                # The beginning of a speculative reply may be held back or dropped.
                is_sent=is_speculative,
                is_speculative=is_speculative,
            )

    def begin_reply(self, service: Any) -> None:
        """Note that a model begins to answer, for what it was given or on its own."""
        log = self._log_of(service)
        if log.last is not None and log.last.is_open and not log.is_realtime:
            log.last.is_sent = True
        else:
            self._requests += 1
            log.begin(self._requests, _model_of(service), is_sent=True)

    def receive(self, source: Any, text: str) -> None:
        """Note a part of a reply, if the source is a model."""
        log = self._logs.get(source)
        if log is not None:
            log.receive(len(text))

    def end_request(
        self, source: Any, ending: Ending, *, only_speculative: bool = False
    ) -> Callable[[], None] | None:
        """Note the end of a model's request; return what settles it once its usage is overdue."""
        log = self._logs.get(source)
        if log is None or log.last is None:
            return None
        if only_speculative and not log.last.is_speculative:
            return None
        log.last.end(ending)
        return partial(log.settle, log.last)

    def speak(self, service: Any, text: str) -> None:
        """Note text given to a voice that reports its characters at the end of a reply only."""
        if getattr(service, "_is_streaming_tokens", False):
            self._spoken[service] = self._spoken.get(service, 0) + len(text)

    def interrupt_speech(self, service: Any) -> None:
        """Report an estimate of what such a voice was given when it is interrupted."""
        characters = self._spoken.pop(service, 0)
        if characters:
            self._requests += 1
            self._emitter.note_unreported(
                "speech without usage", f"{service.name}: it was interrupted; estimated"
            )
            self._call.usage(
                self._service_of(service, service.name),
                "tts",
                characters,
                "characters",
                model=_model_of(service),
                estimated=True,
                metadata=_metadata(service.name, estimatedFrom="text"),
                event_id=f"{self._session}:request:{self._requests}",
            )

    def settle(self) -> None:
        """Report estimates of all requests that are open, at the end of the call."""
        for log in self._open_logs:
            log.close()

    def _log_of(self, service: Any) -> RequestLog:
        log = self._logs.get(service)
        if log is None:
            reporter = _Estimates(
                self._emitter,
                self._call,
                self._session,
                self._service_of(service, service.name),
                service.name,
            )
            log = RequestLog(reporter, service.service_metadata_frame().is_realtime_service)
            self._logs[service] = log
            self._open_logs.append(log)
        return log

    def _count_request(self, source: Any, data: LLMUsageMetricsData, event_id: str) -> None:
        metadata: Fields = _metadata(data.processor)
        try:
            quantities = pipecat_usages(data.value)
        except VendorUsageError as error:
            quantities = _whole_counts(data)
            metadata["contradiction"] = str(error)
            self._emitter.note_unreported(
                "counts contradict each other",
                f"{data.processor} of model {data.model}: {error} Its whole prompt and reply are "
                "counted as an estimate.",
            )
        if not quantities:  # some services report zeros when they are interrupted
            return
        log = self._logs.get(source)
        is_partial = log.add_usage() if log is not None else False
        self._call.usage(
            self._service_of(source, data.processor),
            "inference",
            quantities,
            model=data.model or None,
            estimated=is_partial or "contradiction" in metadata,
            metadata=metadata,
            tags=self.new_trace(),
            event_id=event_id,
        )

    def _count_quantity(
        self,
        source: Any,
        data: MetricsData,
        event_id: str,
        operation: str,
        quantity: float,
        unit: str,
    ) -> None:
        if quantity:
            self._call.usage(
                self._service_of(source, data.processor),
                operation,
                quantity,
                unit,
                model=data.model or None,
                metadata=_metadata(data.processor),
                tags=self.new_trace(),
                event_id=event_id,
            )

    def _service_of(self, source: Any, processor: str) -> str:
        """Return the catalogue's name of a service; another processor may push its frame."""
        if getattr(source, "name", None) == processor:
            name = service_name(type(source), self._services)
            client = getattr(source, "_client", None)
            return name_of_host(name, getattr(getattr(client, "base_url", None), "host", None))
        return self._services.get(processor.partition("#")[0], name_of_class(processor))


class _Estimates:
    """Reports the estimates of one model's requests. It must not refer to the processor."""

    def __init__(
        self, emitter: Emitter, call: Call, session: str, service: str, processor: str
    ) -> None:
        self._emitter, self._call, self._session = emitter, call, session
        self._service, self._processor = service, processor

    def report_estimate(self, request: VendorRequest, quantities: Mapping[str, int]) -> str:
        self._emitter.note_unreported(
            "requests without usage", f"{self._processor}: {REASONS[request.ending]}; estimated"
        )
        return self._call.usage(
            self._service,
            "inference",
            quantities,
            model=request.model,
            estimated=True,
            metadata=_metadata(
                self._processor, estimatedFrom="text", reason=REASONS[request.ending]
            ),
            event_id=f"{self._session}:request:{request.number}",
            at=request.ended_at,
        )

    def void_estimate(self, estimate_id: str) -> None:
        self._call.void(estimate_id, "the usage was reported", event_id=f"{estimate_id}-void")

    def note_unknown(self, request: VendorRequest) -> None:
        self._emitter.note_unreported(
            "requests of unknown size", f"{self._processor}: {REASONS[request.ending]}"
        )


def _metadata(processor: str, **more: str) -> Fields:
    return {"reportedBy": REPORTED_BY, "processor": processor, **more}


def _trace_id(tracing_context: Any) -> str | None:
    """Return the trace of a conversation, in hex; None without tracing or before it began."""
    context = tracing_context and tracing_context.get_conversation_context()
    if not context:
        return None
    # Pipecat has a context only with the library of OpenTelemetry.
    from opentelemetry import trace

    span = trace.get_current_span(context).get_span_context()
    return format(span.trace_id, "032x") if span.is_valid else None


def _model_of(service: Any) -> str | None:
    model = service.settings.model
    return model if isinstance(model, str) and model else None


def _context_size(service: Any, context: Any) -> int:
    """Return the characters of a context, its tools and the instruction of its service."""
    tools = getattr(context.tools, "standard_tools", ())
    return count_characters(
        [
            getattr(service.settings, "system_instruction", None),
            [getattr(message, "message", message) for message in context.get_messages()],
            [tool.to_default_dict() for tool in tools],
        ]
    )


def _whole_counts(data: LLMUsageMetricsData) -> Usages:
    """Return the counts of a prompt and a reply without their parts."""
    usage = data.value
    whole = {
        "input_tokens": usage.prompt_tokens,
        "output_tokens": max(usage.completion_tokens, usage.total_tokens - usage.prompt_tokens),
    }
    return {unit: quantity for unit, quantity in whole.items() if quantity > 0}
