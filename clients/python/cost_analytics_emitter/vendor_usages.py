"""Converts vendors' usage objects into the disjoint quantities of one request.

Vendors report inclusive counts: prompt tokens contain cached and audio ones, completion tokens
contain reasoning. Each function takes the usage object of one vendor's response, as decoded JSON or
as the object of the vendor's library, and returns the quantities that are not zero, by unit. A
count that is missing or null is zero. Raises `VendorUsageError` for counts that contradict each
other, or that the units cannot express.
"""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from typing import Any, Protocol, TypeAlias


class Model(Protocol):
    """An object of a vendor's library (pydantic)."""

    def model_dump(self, *, mode: str, by_alias: bool) -> dict[str, Any]:
        """Return the object as decoded JSON."""


VendorObject: TypeAlias = Mapping[str, Any]
Reported: TypeAlias = VendorObject | Model
Usages: TypeAlias = dict[str, int | Decimal]
"""The quantities of one request, by unit."""


class VendorUsageError(ValueError):
    """A usage object whose counts cannot be split; the message names the counts."""


def openai_chat_usages(reported: Reported) -> Usages:
    """Convert the `usage` of OpenAI's chat completions, and of vendors with the same form.

    `prompt_tokens` contain cached and audio tokens, `completion_tokens` contain reasoning and audio
    tokens. Cached tokens are taken as text: cached audio is not reported separately.
    """
    usage = _decoded(reported)
    prompt = _details(usage, "prompt_tokens_details")
    completion = _details(usage, "completion_tokens_details")
    return _openai_text(usage, ("prompt_tokens", prompt), ("completion_tokens", completion))


def openai_responses_usages(reported: Reported) -> Usages:
    """Convert the `usage` of OpenAI's responses: the form of chat completions, other names."""
    usage = _decoded(reported)
    prompt = _details(usage, "input_tokens_details")
    completion = _details(usage, "output_tokens_details")
    return _openai_text(usage, ("input_tokens", prompt), ("output_tokens", completion))


def openai_realtime_usages(reported: Reported) -> Usages:
    """Convert the `usage` of `response.done` of OpenAI's realtime sessions.

    `input_tokens` are the sum of text, audio and image tokens, each of which contains its cached
    ones. Image tokens have a price of their own and no unit here, so they are refused.
    """
    usage = _decoded(reported)
    prompt = _details(usage, "input_token_details")
    cached = _details(prompt, "cached_tokens_details")
    reply = _details(usage, "output_token_details")
    if _count(prompt, "image_tokens"):
        raise VendorUsageError("`image_tokens` have no unit; send them with their `totalCost`.")
    text, audio = _count(prompt, "text_tokens"), _count(prompt, "audio_tokens")
    cached_text, cached_audio = _count(cached, "text_tokens"), _count(cached, "audio_tokens")
    _require_sum("input_tokens", _count(usage, "input_tokens"), text + audio)
    _require_sum("cached_tokens", _count(prompt, "cached_tokens"), cached_text + cached_audio)
    reply_text, reply_audio = _count(reply, "text_tokens"), _count(reply, "audio_tokens")
    _require_sum("output_tokens", _count(usage, "output_tokens"), reply_text + reply_audio)
    return _quantities(
        input_tokens=_remainder("text_tokens", text, cached_text),
        cached_input_tokens=cached_text,
        input_audio_tokens=_remainder("audio_tokens", audio, cached_audio),
        cached_input_audio_tokens=cached_audio,
        output_tokens=reply_text,
        output_audio_tokens=reply_audio,
    )


def openai_transcription_usages(reported: Reported) -> Usages:
    """Convert the `usage` of OpenAI's transcriptions: seconds of audio, or tokens.

    `input_tokens` are the sum of text and audio tokens.
    """
    usage = _decoded(reported)
    if usage.get("type") == "duration":
        return _quantities(audio_seconds=_seconds(usage, "seconds"))
    prompt = _details(usage, "input_token_details")
    audio = _count(prompt, "audio_tokens")
    return _quantities(
        input_tokens=_remainder("input_tokens", _count(usage, "input_tokens"), audio),
        input_audio_tokens=audio,
        output_tokens=_count(usage, "output_tokens"),
    )


def anthropic_usages(reported: Reported) -> Usages:
    """Convert the `usage` of Anthropic's messages.

    `input_tokens` contain neither cache reads nor cache writes. `output_tokens` contain the model's
    thinking, which has the same price. Without `cache_creation`, which splits the writes by their
    lifetime, all of them are for 5 minutes, the default.
    """
    usage = _decoded(reported)
    written = _count(usage, "cache_creation_input_tokens")
    split = _details(usage, "cache_creation")
    hour = _count(split, "ephemeral_1h_input_tokens")
    if split:
        _require_sum(
            "cache_creation_input_tokens",
            written,
            hour + _count(split, "ephemeral_5m_input_tokens"),
        )
    return _quantities(
        input_tokens=_count(usage, "input_tokens"),
        cached_input_tokens=_count(usage, "cache_read_input_tokens"),
        cache_write_tokens=_remainder("cache_creation_input_tokens", written, hour),
        cache_write_1h_tokens=hour,
        output_tokens=_count(usage, "output_tokens"),
        searches=_count(_details(usage, "server_tool_use"), "web_search_requests"),
    )


def gemini_usages(reported: Reported) -> Usages:
    """Convert the `usageMetadata` of Gemini's `generateContent`.

    `promptTokenCount` contains cached and audio tokens, and not `toolUsePromptTokenCount`, which is
    billed as input. `candidatesTokenCount` does not contain `thoughtsTokenCount`. Image and video
    tokens of the prompt have the price of text and count as such; those of the reply are refused.
    """
    usage = _decoded(reported)
    if _modality(usage, "candidatesTokensDetails", "IMAGE"):
        raise VendorUsageError("IMAGE tokens of a reply have no unit; send their `totalCost`.")
    prompt, cached = _count(usage, "promptTokenCount"), _count(usage, "cachedContentTokenCount")
    audio = _modality(usage, "promptTokensDetails", "AUDIO")
    cached_audio = _modality(usage, "cacheTokensDetails", "AUDIO")
    new_audio = _remainder("AUDIO of promptTokensDetails", audio, cached_audio)
    cached_text = _remainder("cachedContentTokenCount", cached, cached_audio)
    reply = _count(usage, "candidatesTokenCount")
    reply_audio = _modality(usage, "candidatesTokensDetails", "AUDIO")
    return _quantities(
        input_tokens=_remainder("promptTokenCount", prompt, cached, new_audio)
        + _count(usage, "toolUsePromptTokenCount"),
        cached_input_tokens=cached_text,
        input_audio_tokens=new_audio,
        cached_input_audio_tokens=cached_audio,
        output_tokens=_remainder("candidatesTokenCount", reply, reply_audio),
        reasoning_tokens=_count(usage, "thoughtsTokenCount"),
        output_audio_tokens=reply_audio,
    )


def pipecat_usages(reported: Reported) -> Usages:
    """Convert the `LLMTokenUsage` of Pipecat's metrics.

    `prompt_tokens` contain cached ones for some services and not for others, but `total_tokens`
    without `completion_tokens` is the whole prompt for all of them. `completion_tokens` contain
    reasoning.
    """
    usage = _decoded(reported)
    total, completion = _count(usage, "total_tokens"), _count(usage, "completion_tokens")
    read, written = (
        _count(usage, "cache_read_input_tokens"),
        _count(usage, "cache_creation_input_tokens"),
    )
    reasoning = _count(usage, "reasoning_tokens")
    return _quantities(
        input_tokens=_remainder("total_tokens", total, completion, read, written),
        cached_input_tokens=read,
        cache_write_tokens=written,
        output_tokens=_remainder("completion_tokens", completion, reasoning),
        reasoning_tokens=reasoning,
    )


def livekit_usages(reported: Reported) -> Usages:
    """Convert the `LLMMetrics` of LiveKit Agents: `prompt_tokens` contain cached ones."""
    usage = _decoded(reported)
    prompt, cached = _count(usage, "prompt_tokens"), _count(usage, "prompt_cached_tokens")
    return _quantities(
        input_tokens=_remainder("prompt_tokens", prompt, cached),
        cached_input_tokens=cached,
        output_tokens=_count(usage, "completion_tokens"),
    )


def _openai_text(
    usage: VendorObject, of_prompt: tuple[str, VendorObject], of_reply: tuple[str, VendorObject]
) -> Usages:
    """Return the quantities of a request, from the names of both totals, each with its details."""
    (prompt_name, prompt), (reply_name, reply) = of_prompt, of_reply
    cached, audio = _count(prompt, "cached_tokens"), _count(prompt, "audio_tokens")
    reasoning, spoken = _count(reply, "reasoning_tokens"), _count(reply, "audio_tokens")
    return _quantities(
        input_tokens=_remainder(prompt_name, _count(usage, prompt_name), cached, audio),
        cached_input_tokens=cached,
        input_audio_tokens=audio,
        output_tokens=_remainder(reply_name, _count(usage, reply_name), reasoning, spoken),
        reasoning_tokens=reasoning,
        output_audio_tokens=spoken,
    )


def _decoded(reported: Reported) -> VendorObject:
    """Return a usage object as decoded JSON; raises VendorUsageError for anything else."""
    if isinstance(reported, Mapping):
        return reported
    dump = getattr(reported, "model_dump", None)
    usage = dump(mode="json", by_alias=True) if callable(dump) else None
    if not isinstance(usage, Mapping):
        raise VendorUsageError(f"{reported!r} is not a usage object.")
    return usage


def _details(usage: VendorObject, name: str) -> VendorObject:
    details = usage.get(name)
    if details is None:
        return {}
    if not isinstance(details, Mapping):
        raise VendorUsageError(f"`{name}` is not an object.")
    return details


def _count(usage: VendorObject, name: str) -> int:
    value = usage.get(name)
    if value is None:
        return 0
    if type(value) is not int or value < 0:
        raise VendorUsageError(f"`{name}` is {value!r}, not a count.")
    return value


def _seconds(usage: VendorObject, name: str) -> int | Decimal:
    """Return a duration: a count, or the number that a library holds as a float."""
    value = usage.get(name)
    if type(value) is not float:
        return _count(usage, name)
    exact = Decimal(repr(value))
    if not exact.is_finite() or exact < 0:
        raise VendorUsageError(f"`{name}` is {value!r}, not a duration.")
    return exact.normalize() if exact % 1 else int(exact)


def _modality(usage: VendorObject, name: str, modality: str) -> int:
    """Return the tokens of one modality in Gemini's list of counts."""
    listed = usage.get(name)
    if listed is None:
        return 0
    if not isinstance(listed, list) or not all(isinstance(count, Mapping) for count in listed):
        raise VendorUsageError(f"`{name}` is not a list of objects.")
    return sum(_count(count, "tokenCount") for count in listed if count.get("modality") == modality)


def _remainder(name: str, total: int, *contained: int) -> int:
    """Return what is left of an inclusive count; raises VendorUsageError if it is negative."""
    rest = total - sum(contained)
    if rest < 0:
        raise VendorUsageError(f"`{name}` is {total}, but contains {sum(contained)}.")
    return rest


def _require_sum(name: str, total: int, parts: int) -> None:
    if total != parts:
        raise VendorUsageError(f"`{name}` is {total}, but its parts are {parts}.")


def _quantities(**units: int | Decimal) -> Usages:
    return {unit: quantity for unit, quantity in units.items() if quantity}
