"""Standard names of operations, units and models, for which emitters use different names."""

from __future__ import annotations

from typing import Final

_OPERATIONS: Final[dict[str, dict[str, tuple[str, ...]]]] = {
    "twilio": {
        "outbound_call": ("voice_call", "voice_outbound", "outbound_call", "voice"),
        "inbound_call": ("voice_inbound", "inbound_call"),
    },
    "deepgram": {
        "streaming_stt": ("stt_streaming", "streaming_stt", "transcription"),
        "prerecorded_stt": ("prerecorded_stt", "stt_prerecorded", "pre_recorded", "prerecorded"),
    },
    "cerebras": {"inference": ("chat_completion", "inference", "extraction")},
    "openai": {"inference": ("chat_completion", "inference", "extraction")},
    "elevenlabs": {"tts": ("tts_generation", "tts_streaming", "tts")},
}

_STANDARD_OPERATIONS: Final = {
    (service, name): standard
    for service, operations in _OPERATIONS.items()
    for standard, names in operations.items()
    for name in names
}

_UNITS: Final[dict[str, tuple[str, ...]]] = {
    "minutes": ("minutes", "minute", "mins", "min"),
    "seconds": ("seconds", "second", "secs", "sec", "s"),
    "tokens": ("tokens", "token", "total_tokens"),
    "input_tokens": ("input_tokens", "input_token", "prompt_tokens", "inputtokens"),
    "output_tokens": ("output_tokens", "output_token", "completion_tokens", "outputtokens"),
    "characters": ("characters", "character", "chars", "char"),
    "requests": ("requests", "request", "calls", "call"),
}
_STANDARD_UNITS: Final = {name: standard for standard, names in _UNITS.items() for name in names}


def standard_unit(unit: str) -> str:
    """Return the standard name of a unit; an unlisted one is unchanged.

    `prompt_tokens` are taken as `input_tokens`, which do not include cached tokens.
    """
    name = unit.strip().lower().replace("-", "_").replace(" ", "_")
    return _STANDARD_UNITS.get(name, name)


def standard_operation(service: str, operation: str) -> str:
    """Return the standard name of an operation; an unlisted one is unchanged."""
    name = operation.strip().lower().replace("-", "_")
    return _STANDARD_OPERATIONS.get((service, name), name)


def standard_model(model: str | None) -> str:
    """Return a model's standard name; empty if no model is given.

    Vendors and clients differ in case and in the dash of `llama-3.1`.
    """
    return (model or "").strip().lower().replace("llama-3", "llama3")
