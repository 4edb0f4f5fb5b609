"""Estimates what requests of LiveKit's agents used, if they did not report it."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from importlib import import_module
from typing import Any, Final, NamedTuple

from cost_analytics_emitter.estimates import estimate_tokens
from cost_analytics_emitter.livekit_metrics import MetricsReading
from cost_analytics_emitter.livekit_nodes import NodeRequest, characters_of
from cost_analytics_emitter.service_names import service_of, stt_operation
from cost_analytics_emitter.usage_counts import Usages

_SECONDS_MAX: Final = 10
"""No estimate above this: vendors that bill all audio report it more often than that."""


class Estimate(NamedTuple):
    """The estimated usage of a request, why it was estimated, and from what."""

    usages: Usages
    reason: str
    source: str


def estimate_of(request: NodeRequest) -> Estimate | None:
    """Return the usage that a finished request did not report; None if it reported all."""
    if request.component is None:
        return None
    reason = "the request was interrupted" if request.is_interrupted else "no usage was reported"
    if request.error is not None:
        reason = "the request failed"
    estimates = {"llm": _of_model, "stt": _of_audio, "tts": _of_speech}
    usages, source = estimates[request.kind](request)
    return Estimate(usages, reason, source) if usages else None


def estimate_of_realtime(component: Any) -> Estimate | None:
    """Estimate the usage of a realtime model's response that reported none, from the texts."""
    items = [*getattr(component.chat_ctx, "items", ())]
    is_reply = bool(items) and getattr(items[-1], "role", None) == "assistant"
    sent, received = (items[:-1], items[-1:]) if is_reply else (items, [])
    usages = _tokens(characters_of(sent), characters_of(received))
    return Estimate(usages, "the response was interrupted", "text") if usages else None


def read_estimate(
    request: NodeRequest, estimate: Estimate, services: Mapping[str, str]
) -> MetricsReading:
    """Return an estimate as usage of the component's service and model."""
    provider = getattr(request.component, "provider", None) or "unknown"
    if provider == "unknown":
        provider = getattr(request.component, "label", provider)
    model = getattr(request.component, "model", None)
    service = services.get(provider) or service_of(provider)
    operations = {"llm": "inference", "stt": stt_operation(service, is_streamed=True), "tts": "tts"}
    operation = operations[request.kind]
    return MetricsReading(
        service, operation, None if model == "unknown" else model, estimate.usages
    )


def _of_model(request: NodeRequest) -> tuple[Usages, str]:
    failed = request.error is not None and not request.characters_received
    if request.reports or failed:
        return {}, ""
    return _tokens(request.characters_sent(), request.characters_received), "text"


def _of_speech(request: NodeRequest) -> tuple[Usages, str]:
    """Estimate the text that a stream received and had not reported when it ended.

    Speech that is requested sentence by sentence is reported even if it is interrupted.
    """
    rest = request.characters_pushed - request.characters_reported
    is_whole = not request.is_interrupted and request.error is None
    if is_whole or rest <= 0 or not _is_stream(request):
        return {}, ""
    return {"characters": rest}, "text"


def _of_audio(request: NodeRequest) -> tuple[Usages, str]:
    """Estimate the audio that a stream received after its last report."""
    is_billed_in_tokens = bool(getattr(request.last_metrics, "input_tokens", 0))
    rest = round(request.seconds_pushed - request.seconds_reported, 3)
    if is_billed_in_tokens or not _is_stream(request) or not 0 < rest <= _SECONDS_MAX:
        return {}, ""
    return {"seconds": Decimal(repr(rest))}, "audio"


def _is_stream(request: NodeRequest) -> bool:
    """Return whether the component is a stream of its own, not an adapter of single requests."""
    adapter = import_module(f"livekit.agents.{request.kind}").StreamAdapter
    capabilities = getattr(request.component, "capabilities", None)
    is_adapter = isinstance(request.component, adapter)
    return not is_adapter and bool(getattr(capabilities, "streaming", False))


def _tokens(sent: int, received: int) -> Usages:
    usages = {"input_tokens": estimate_tokens(sent), "output_tokens": estimate_tokens(received)}
    return {unit: quantity for unit, quantity in usages.items() if quantity}
