"""Finds the usage that a span reports: tokens of a model, characters or seconds of speech."""

from __future__ import annotations

from decimal import Decimal
from typing import Final, NamedTuple

import msgspec
from msgspec import Struct

from api.traces import conventions as names
from api.traces.conventions import first, is_net_of_cache, service_of, text
from api.traces.spans import ReceivedSpan, SpanError

Quantities = dict[str, int | Decimal]


class SpanUsage(NamedTuple):
    """What one request used: quantities that are not zero, by unit."""

    service: str
    operation: str
    model: str | None
    quantities: Quantities
    tier: str | None = None


class _Metadata(Struct):
    model_name: str | None = None
    model_provider: str | None = None


class _TtsMetrics(Struct):
    """LiveKit's metrics of a request for speech."""

    characters_count: int = 0
    input_tokens: int = 0
    output_tokens: int = 0
    label: str = ""
    metadata: _Metadata | None = None


_decode_tts: Final = msgspec.json.Decoder(_TtsMetrics).decode


def usage_of(span: ReceivedSpan) -> SpanUsage | None:
    """Return what a span reports, None if it is not a request; raises SpanError.

    A request without counts, such as an interrupted one, has no quantities.
    """
    if names.TTS_METRICS in span.attributes:
        return _livekit_speech(span)
    operation = text(span, names.OPERATION).lower()
    if span.scope == names.PIPECAT and operation in {"tts", "stt"}:
        return _pipecat_speech(span, operation)
    if operation and operation not in names.INFERENCE:
        return None
    if first(span, names.INPUT) is None and first(span, names.OUTPUT) is None:
        return None
    provider, model = text(span, names.PROVIDER), text(span, names.MODEL)
    if not operation and not (provider and model):
        return None  # a span that only passes counts on, such as one of an agent
    if not provider:
        raise SpanError("a span has tokens and no gen_ai.provider.name")
    return SpanUsage(
        service_of(provider),
        "embeddings" if operation in names.EMBEDDINGS else "inference",
        model or None,
        _tokens(span),
        text(span, names.TIER) or None,
    )


def _tokens(span: ReceivedSpan) -> Quantities:
    """Split inclusive counts into disjoint units."""
    total_input, output = _count(span, names.INPUT), _count(span, names.OUTPUT)
    read, written = _count(span, names.CACHE_READ), _count(span, names.CACHE_WRITE)
    audio, cached_audio = _count(span, names.AUDIO_INPUT), _count(span, names.AUDIO_CACHE_READ)
    reasoning, spoken = _count(span, names.REASONING), _count(span, names.AUDIO_OUTPUT)
    cached_in_total = 0 if is_net_of_cache(span) else read + written
    new_audio = _remainder("audio tokens", audio, cached_audio)
    return _not_zero(
        input_tokens=_remainder("input tokens", total_input, cached_in_total, new_audio),
        cached_input_tokens=_remainder("cached tokens", read, cached_audio),
        cache_write_tokens=written,
        input_audio_tokens=new_audio,
        cached_input_audio_tokens=cached_audio,
        output_tokens=_remainder("output tokens", output, reasoning, spoken),
        reasoning_tokens=reasoning,
        output_audio_tokens=spoken,
    )


def _pipecat_speech(span: ReceivedSpan, operation: str) -> SpanUsage | None:
    """Return the characters or seconds of a span of Pipecat."""
    provider = text(span, names.PROVIDER)
    if not provider:
        raise SpanError("a span of speech has no gen_ai.provider.name")
    if operation == "tts":
        quantities = _not_zero(characters=_count(span, (names.CHARACTERS,)))
    else:
        quantities = _not_zero(seconds=_seconds(span, names.AUDIO_SECONDS))
    model = text(span, names.MODEL)
    known_model = model if model and model != "unknown" else None
    return SpanUsage(
        service_of(provider), "tts" if operation == "tts" else "streaming_stt", known_model,
        quantities,
    )  # fmt: skip


def _livekit_speech(span: ReceivedSpan) -> SpanUsage:
    """Return the characters, or else the tokens, of LiveKit's metrics of speech."""
    encoded = span.attributes[names.TTS_METRICS]
    try:
        metrics = _decode_tts(encoded if isinstance(encoded, str) else "")
    except (msgspec.DecodeError, RecursionError):
        raise SpanError(f"`{names.TTS_METRICS}` is not JSON of TTSMetrics") from None
    metadata = metrics.metadata or _Metadata()
    provider = metadata.model_provider or ""
    if provider.strip().lower() in {"", "unknown"}:
        provider = _plugin_of(metrics.label)
    if not provider.strip():
        raise SpanError(f"`{names.TTS_METRICS}` names no provider")
    counts = (metrics.characters_count, metrics.input_tokens, metrics.output_tokens)
    if min(counts) < 0:
        raise SpanError(f"`{names.TTS_METRICS}` has a negative count")
    if metrics.input_tokens or metrics.output_tokens:
        quantities = _not_zero(
            input_tokens=metrics.input_tokens, output_audio_tokens=metrics.output_tokens
        )
    else:
        quantities = _not_zero(characters=metrics.characters_count)
    return SpanUsage(service_of(provider), "tts", metadata.model_name, quantities)


def _plugin_of(label: str) -> str:
    """Return the vendor in the name of a plugin's class: `livekit.plugins.cartesia.tts.TTS`."""
    parts = label.split(".")
    return parts[2] if parts[:2] == ["livekit", "plugins"] and len(parts) > 2 else ""


def _count(span: ReceivedSpan, wanted: names.Names) -> int:
    """Return a count, zero without one; some exporters write it as a number with a fraction."""
    value = first(span, wanted)
    if value is None:
        return 0
    if isinstance(value, Decimal) and value.is_finite() and value == value.to_integral_value():
        value = int(value)
    if type(value) is not int or value < 0:
        raise SpanError(f"`{wanted[0]}` is {str(value)[:40]}, not a count")
    return value


def _seconds(span: ReceivedSpan, name: str) -> int | Decimal:
    value = span.attributes.get(name, 0)
    if isinstance(value, bool | str) or not Decimal(value).is_finite() or value < 0:
        raise SpanError(f"`{name}` is {str(value)[:40]}, not a duration")
    return value


def _remainder(name: str, total: int, *contained: int) -> int:
    rest = total - sum(contained)
    if rest < 0:
        raise SpanError(f"a span has {total} {name}, but they contain {sum(contained)}")
    return rest


def _not_zero(**units: int | Decimal) -> Quantities:
    return {unit: quantity for unit, quantity in units.items() if quantity}
