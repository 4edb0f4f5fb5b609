"""Reads LiveKit's metrics as usage of the price catalogue's services, and compares their sums.

A session sums up the metrics of its components by vendor and model (`AgentSession.usage`). The same
sums of the metrics that were received here show whether one was missed.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from importlib import import_module
from typing import Any, Final, NamedTuple

from cost_analytics_emitter.service_names import service_of, stt_operation
from cost_analytics_emitter.usage_counts import Usages, VendorUsageError
from cost_analytics_emitter.vendor_usages import (
    livekit_realtime_usages,
    livekit_stt_usages,
    livekit_tts_usages,
    livekit_usages,
)

_CONVERSIONS: Final[Mapping[str, Callable[[Any], Usages]]] = {
    "llm_metrics": livekit_usages,
    "realtime_model_metrics": livekit_realtime_usages,
    "stt_metrics": livekit_stt_usages,
    "tts_metrics": livekit_tts_usages,
}
"""The kinds of metrics with usage that a vendor bills. Others are durations or local models."""

ONLY_IN_SUMS: Final = frozenset({"eot_usage", "interruption_usage"})
"""Usage that only a session's sums include: no component reports it."""
_OPERATIONS: Final[Mapping[str, str]] = {
    "llm_usage": "inference",
    "tts_usage": "tts",
    "eot_usage": "turn_detection",
    "interruption_usage": "interruption_detection",
}
_SECONDS_DIGITS: Final = 6
"""Sums of binary floats in another order differ only in later digits."""


class MetricsReading(NamedTuple):
    """The usage of one request. `problem` says why the counts could not be split."""

    service: str
    operation: str
    model: str | None
    usages: Usages
    problem: str | None = None


class Difference(NamedTuple):
    """A session's sums for a model, less the sums of the received metrics."""

    type: str
    provider: str
    model: str
    amounts: Mapping[str, int | float]

    @property
    def is_missed(self) -> bool:
        """Whether a metric was missed; otherwise the session missed one."""
        return all(amount >= 0 for amount in self.amounts.values())


def read_metrics(metrics: Any, services: Mapping[str, str]) -> MetricsReading | None:
    """Return the usage of a component's metrics; None if they have none that is billed.

    `services` are names of services by the vendor's name in the metrics.
    """
    convert = _CONVERSIONS.get(metrics.type)
    if convert is None:
        return None
    provider, model = _names(metrics)
    service = services.get(provider) or service_of(provider)
    operation = "inference"
    if metrics.type == "tts_metrics":
        operation = "tts"
    elif metrics.type == "stt_metrics":
        operation = stt_operation(service, is_streamed=metrics.streamed)
    try:
        return MetricsReading(service, operation, model, convert(metrics))
    except VendorUsageError as error:
        return MetricsReading(service, operation, model, _whole_counts(metrics), str(error))


def _names(metrics: Any) -> tuple[str, str | None]:
    """Return the vendor and the model; an unknown vendor is named by the component's class."""
    metadata = metrics.metadata
    provider = (metadata.model_provider if metadata else None) or "unknown"
    model = metadata.model_name if metadata else None
    if provider == "unknown":
        provider = getattr(metrics, "label", "") or provider
    return provider, None if model in {None, "", "unknown"} else model


def _whole_counts(metrics: Any) -> Usages:
    """Return the counts without their parts, for a request whose parts contradict them."""
    if metrics.type == "llm_metrics":
        found = {"input_tokens": metrics.prompt_tokens, "output_tokens": metrics.completion_tokens}
    else:
        found = {
            "input_tokens": getattr(metrics, "input_tokens", 0),
            "output_tokens": getattr(metrics, "output_tokens", 0),
        }
    return {unit: count for unit, count in found.items() if count > 0}


class ObservedSums:
    """The sums of the metrics that a session's components emitted, in the form of its own sums.

    The session's sums must have at least its own metrics, and at most those of all sessions that
    share its components: it listens to them for a shorter time.
    """

    def __init__(self) -> None:
        collector = import_module("livekit.agents.metrics").ModelUsageCollector
        self._all, self._own = collector(), collector()
        self._corrections: dict[tuple[str, str, str], dict[str, int | float]] = {}

    def add(self, metrics: Any, *, is_own: bool) -> None:
        """Add a component's metrics."""
        self._all.collect(metrics)
        if is_own:
            self._own.collect(metrics)

    def has(self, difference: Difference) -> bool:
        """Return whether a metric of this kind and model was received."""
        key = difference.type, difference.provider, difference.model
        return key in _by_model(self._all.flatten())

    def differences(self, of_session: Iterable[Any]) -> list[Difference]:
        """Return the differences of the session's sums from what was received, each once."""
        summed = _by_model(of_session)
        most, least = _by_model(self._all.flatten()), _by_model(self._own.flatten())
        found = []
        for key in {**summed, **least}:
            sums, upper, lower = (sides.get(key, {}) for sides in (summed, most, least))
            known = self._corrections.setdefault(key, {})
            amounts = {
                name: _rounded(
                    _outside(
                        sums.get(name, 0) - known.get(name, 0),
                        lower.get(name, 0),
                        upper.get(name, 0),
                    )
                )
                for name in {**sums, **lower}
            }
            amounts = {name: amount for name, amount in amounts.items() if amount}
            if amounts:
                for name, amount in amounts.items():
                    known[name] = known.get(name, 0) + amount
                found.append(Difference(*key, amounts))
        return found


def _outside(value: float, lower: float, upper: float) -> float:
    """Return how far a value is above or below a range."""
    return max(0, value - upper) + min(0, value - lower)


def read_difference(difference: Difference, services: Mapping[str, str]) -> MetricsReading:
    """Return the usage of a difference as one request."""
    service = services.get(difference.provider) or service_of(difference.provider or "unknown")
    operation = _OPERATIONS.get(difference.type) or stt_operation(service, is_streamed=True)
    return MetricsReading(service, operation, difference.model or None, _usages_of(difference))


def _usages_of(difference: Difference) -> Usages:
    amounts = difference.amounts
    if difference.type in ONLY_IN_SUMS:
        return {"requests": int(amounts.get("total_requests", 0))}
    if difference.type == "stt_usage":
        return livekit_stt_usages(amounts)
    if difference.type == "tts_usage":
        return livekit_tts_usages(amounts)
    modalities = ("input_audio_tokens", "input_image_tokens", "output_audio_tokens")
    if "session_duration" in amounts or any(name in amounts for name in modalities):
        return livekit_realtime_usages(_realtime_form(amounts))
    return livekit_usages(
        {
            "prompt_tokens": amounts.get("input_tokens", 0),
            "prompt_cached_tokens": amounts.get("input_cached_tokens", 0),
            "cache_creation_tokens": amounts.get("input_cache_creation_tokens", 0),
            "completion_tokens": amounts.get("output_tokens", 0),
            "reasoning_tokens": amounts.get("output_reasoning_tokens", 0),
        }
    )


def _realtime_form(amounts: Mapping[str, int | float]) -> dict[str, Any]:
    return {
        "input_tokens": amounts.get("input_tokens", 0),
        "output_tokens": amounts.get("output_tokens", 0),
        "session_duration": amounts.get("session_duration", 0),
        "input_token_details": {
            "audio_tokens": amounts.get("input_audio_tokens", 0),
            "image_tokens": amounts.get("input_image_tokens", 0),
            "cached_tokens": amounts.get("input_cached_tokens", 0),
            "cached_tokens_details": {
                "audio_tokens": amounts.get("input_cached_audio_tokens", 0),
                "image_tokens": amounts.get("input_cached_image_tokens", 0),
            },
        },
        "output_token_details": {"audio_tokens": amounts.get("output_audio_tokens", 0)},
    }


def _by_model(sums: Iterable[Any]) -> dict[tuple[str, str, str], dict[str, int | float]]:
    found = {}
    for one in sums:
        fields = one.model_dump()
        key = fields.pop("type"), fields.pop("provider"), fields.pop("model")
        found[key] = {name: value for name, value in fields.items() if value}
    return found


def _rounded(amount: int | float) -> int | float:
    return amount if isinstance(amount, int) else round(amount, _SECONDS_DIGITS)
