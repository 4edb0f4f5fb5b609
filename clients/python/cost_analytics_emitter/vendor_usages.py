"""Converts vendors' usage objects into the disjoint quantities of one request.

Vendors report inclusive counts: prompt tokens contain cached and audio ones, completion tokens
contain reasoning. Each function takes the usage object of one vendor's response, as decoded JSON or
as the object of the vendor's library. It returns the quantities that are not zero, by unit. A count
that is missing or null is zero. Raises `VendorUsageError` for counts that contradict each other, or
that the units cannot express.
"""

from __future__ import annotations

from cost_analytics_emitter.usage_counts import (
    Reported,
    Usages,
    VendorObject,
    VendorUsageError,
    count_of,
    decode_usage,
    details_of,
    modality_count,
    quantities,
    remainder,
    require_sum,
    seconds_of,
)


def openai_chat_usages(reported: Reported) -> Usages:
    """Convert the `usage` of OpenAI's chat completions, and of vendors with the same form.

    `prompt_tokens` contain cached and audio tokens, `completion_tokens` contain reasoning and audio
    tokens. Cached tokens are taken as text: cached audio is not reported separately.
    """
    usage = decode_usage(reported)
    prompt = details_of(usage, "prompt_tokens_details")
    completion = details_of(usage, "completion_tokens_details")
    return _openai_text(usage, ("prompt_tokens", prompt), ("completion_tokens", completion))


def openai_responses_usages(reported: Reported) -> Usages:
    """Convert the `usage` of OpenAI's responses: the form of chat completions, other names."""
    usage = decode_usage(reported)
    prompt = details_of(usage, "input_tokens_details")
    completion = details_of(usage, "output_tokens_details")
    return _openai_text(usage, ("input_tokens", prompt), ("output_tokens", completion))


def openai_realtime_usages(reported: Reported) -> Usages:
    """Convert the `usage` of `response.done` of OpenAI's realtime sessions.

    `input_tokens` are the sum of text, audio and image tokens, each of which contains its cached
    ones. Image tokens have a price of their own and no unit here, so they are refused.
    """
    usage = decode_usage(reported)
    prompt = details_of(usage, "input_token_details")
    cached = details_of(prompt, "cached_tokens_details")
    reply = details_of(usage, "output_token_details")
    if count_of(prompt, "image_tokens"):
        raise VendorUsageError("`image_tokens` have no unit; send them with their `totalCost`.")
    text, audio = count_of(prompt, "text_tokens"), count_of(prompt, "audio_tokens")
    cached_text, cached_audio = count_of(cached, "text_tokens"), count_of(cached, "audio_tokens")
    require_sum("input_tokens", count_of(usage, "input_tokens"), text + audio)
    require_sum("cached_tokens", count_of(prompt, "cached_tokens"), cached_text + cached_audio)
    reply_text, reply_audio = count_of(reply, "text_tokens"), count_of(reply, "audio_tokens")
    require_sum("output_tokens", count_of(usage, "output_tokens"), reply_text + reply_audio)
    return quantities(
        input_tokens=remainder("text_tokens", text, cached_text),
        cached_input_tokens=cached_text,
        input_audio_tokens=remainder("audio_tokens", audio, cached_audio),
        cached_input_audio_tokens=cached_audio,
        output_tokens=reply_text,
        output_audio_tokens=reply_audio,
    )


def openai_transcription_usages(reported: Reported) -> Usages:
    """Convert the `usage` of OpenAI's transcriptions: seconds of audio, or tokens.

    `input_tokens` are the sum of text and audio tokens.
    """
    usage = decode_usage(reported)
    if usage.get("type") == "duration":
        return quantities(audio_seconds=seconds_of(usage, "seconds"))
    prompt = details_of(usage, "input_token_details")
    audio = count_of(prompt, "audio_tokens")
    return quantities(
        input_tokens=remainder("input_tokens", count_of(usage, "input_tokens"), audio),
        input_audio_tokens=audio,
        output_tokens=count_of(usage, "output_tokens"),
    )


def anthropic_usages(reported: Reported) -> Usages:
    """Convert the `usage` of Anthropic's messages.

    `input_tokens` contain neither cache reads nor cache writes. `output_tokens` contain the model's
    thinking, which has the same price. Without `cache_creation`, which splits the writes by their
    lifetime, all of them are for 5 minutes, the default.
    """
    usage = decode_usage(reported)
    written = count_of(usage, "cache_creation_input_tokens")
    split = details_of(usage, "cache_creation")
    hour = count_of(split, "ephemeral_1h_input_tokens")
    if split:
        require_sum(
            "cache_creation_input_tokens",
            written,
            hour + count_of(split, "ephemeral_5m_input_tokens"),
        )
    return quantities(
        input_tokens=count_of(usage, "input_tokens"),
        cached_input_tokens=count_of(usage, "cache_read_input_tokens"),
        cache_write_tokens=remainder("cache_creation_input_tokens", written, hour),
        cache_write_1h_tokens=hour,
        output_tokens=count_of(usage, "output_tokens"),
        searches=count_of(details_of(usage, "server_tool_use"), "web_search_requests"),
    )


def gemini_usages(reported: Reported) -> Usages:
    """Convert the `usageMetadata` of Gemini's `generateContent`.

    `promptTokenCount` contains cached and audio tokens, and not `toolUsePromptTokenCount`, which is
    billed as input. `candidatesTokenCount` does not contain `thoughtsTokenCount`. Image and video
    tokens of the prompt have the price of text and count as such; those of the reply are refused.
    """
    usage = decode_usage(reported)
    if modality_count(usage, "candidatesTokensDetails", "IMAGE"):
        raise VendorUsageError("IMAGE tokens of a reply have no unit; send their `totalCost`.")
    prompt, cached = count_of(usage, "promptTokenCount"), count_of(usage, "cachedContentTokenCount")
    audio = modality_count(usage, "promptTokensDetails", "AUDIO")
    cached_audio = modality_count(usage, "cacheTokensDetails", "AUDIO")
    new_audio = remainder("AUDIO of promptTokensDetails", audio, cached_audio)
    cached_text = remainder("cachedContentTokenCount", cached, cached_audio)
    reply = count_of(usage, "candidatesTokenCount")
    reply_audio = modality_count(usage, "candidatesTokensDetails", "AUDIO")
    return quantities(
        input_tokens=remainder("promptTokenCount", prompt, cached, new_audio)
        + count_of(usage, "toolUsePromptTokenCount"),
        cached_input_tokens=cached_text,
        input_audio_tokens=new_audio,
        cached_input_audio_tokens=cached_audio,
        output_tokens=remainder("candidatesTokenCount", reply, reply_audio),
        reasoning_tokens=count_of(usage, "thoughtsTokenCount"),
        output_audio_tokens=reply_audio,
    )


def pipecat_usages(reported: Reported) -> Usages:
    """Convert the `LLMTokenUsage` of Pipecat's metrics.

    `prompt_tokens` contain cached ones for some services and not for others, but `total_tokens`
    without `completion_tokens` is the whole prompt for all of them; a server that omits
    `total_tokens` reports the whole prompt. `completion_tokens` contain reasoning, and both contain
    audio. Cached tokens are taken as text if cached audio is not reported.
    """
    usage = decode_usage(reported)
    prompt, completion = count_of(usage, "prompt_tokens"), count_of(usage, "completion_tokens")
    total = count_of(usage, "total_tokens") or prompt + completion
    read = count_of(usage, "cache_read_input_tokens")
    written = count_of(usage, "cache_creation_input_tokens")
    audio = count_of(usage, "input_audio_tokens")
    cached_audio = count_of(usage, "cache_read_input_audio_tokens")
    reasoning, spoken = count_of(usage, "reasoning_tokens"), count_of(usage, "output_audio_tokens")
    new_audio = remainder("input_audio_tokens", audio, cached_audio)
    return quantities(
        input_tokens=remainder("total_tokens", total, completion, read, written, new_audio),
        cached_input_tokens=remainder("cache_read_input_tokens", read, cached_audio),
        cache_write_tokens=written,
        input_audio_tokens=new_audio,
        cached_input_audio_tokens=cached_audio,
        output_tokens=remainder("completion_tokens", completion, reasoning, spoken),
        reasoning_tokens=reasoning,
        output_audio_tokens=spoken,
    )


def livekit_usages(reported: Reported) -> Usages:
    """Convert the `LLMMetrics` of LiveKit Agents.

    `prompt_tokens` contain what was read from and written to the cache, `completion_tokens` contain
    reasoning. Gemini's contain no reasoning, but its `total_tokens` do.
    """
    usage = decode_usage(reported)
    prompt, completion = count_of(usage, "prompt_tokens"), count_of(usage, "completion_tokens")
    read, written = (
        count_of(usage, "prompt_cached_tokens"),
        count_of(usage, "cache_creation_tokens"),
    )
    reasoning = count_of(usage, "reasoning_tokens")
    return quantities(
        input_tokens=remainder("prompt_tokens", prompt, read, written),
        cached_input_tokens=read,
        cache_write_tokens=written,
        output_tokens=remainder("completion_tokens", completion, reasoning),
        reasoning_tokens=reasoning + _beyond(usage, prompt + completion),
    )


def livekit_realtime_usages(reported: Reported) -> Usages:
    """Convert the `RealtimeModelMetrics` of LiveKit Agents.

    `input_tokens` are text, audio and image tokens, each with its cached ones; tokens without a
    modality are text. Some vendors bill the connection, by `session_duration`.
    """
    usage = decode_usage(reported)
    prompt, reply = (
        details_of(usage, "input_token_details"),
        details_of(usage, "output_token_details"),
    )
    cached = details_of(prompt, "cached_tokens_details")
    audio, image = count_of(prompt, "audio_tokens"), count_of(prompt, "image_tokens")
    cached_audio, cached_image = count_of(cached, "audio_tokens"), count_of(cached, "image_tokens")
    cached_text = remainder(
        "cached_tokens", count_of(prompt, "cached_tokens"), cached_audio, cached_image
    )
    total, spoken = count_of(usage, "input_tokens"), count_of(reply, "audio_tokens")
    written = count_of(usage, "output_tokens")
    return quantities(
        input_tokens=remainder("input_tokens", total, audio, image, cached_text),
        cached_input_tokens=cached_text,
        input_audio_tokens=remainder("audio_tokens", audio, cached_audio),
        cached_input_audio_tokens=cached_audio,
        input_image_tokens=remainder("image_tokens", image, cached_image),
        cached_input_image_tokens=cached_image,
        output_tokens=remainder("output_tokens", written, spoken),
        output_audio_tokens=spoken,
        reasoning_tokens=_beyond(usage, total + written),
        seconds=seconds_of(usage, "session_duration"),
    )


def livekit_stt_usages(reported: Reported) -> Usages:
    """Convert the `STTMetrics` of LiveKit Agents: tokens where the vendor bills them, else seconds.

    `input_tokens` contain audio tokens. Streams do not report how many; then all of them are audio.
    """
    usage = decode_usage(reported)
    input_count, output_count = count_of(usage, "input_tokens"), count_of(usage, "output_tokens")
    if not input_count and not output_count:
        return quantities(seconds=seconds_of(usage, "audio_duration"))
    audio = count_of(usage, "input_audio_tokens") or input_count
    return quantities(
        input_tokens=remainder("input_tokens", input_count, audio),
        input_audio_tokens=audio,
        output_tokens=output_count,
    )


def livekit_tts_usages(reported: Reported) -> Usages:
    """Convert the `TTSMetrics` of LiveKit Agents: tokens where the vendor bills them, else text."""
    usage = decode_usage(reported)
    text, speech = count_of(usage, "input_tokens"), count_of(usage, "output_tokens")
    if not text and not speech:
        return quantities(characters=count_of(usage, "characters_count"))
    return quantities(input_tokens=text, output_audio_tokens=speech)


def _beyond(usage: VendorObject, counted: int) -> int:
    """Return the tokens of `total_tokens` that are in neither the prompt nor the reply."""
    return max(0, count_of(usage, "total_tokens") - counted)


def _openai_text(
    usage: VendorObject, of_prompt: tuple[str, VendorObject], of_reply: tuple[str, VendorObject]
) -> Usages:
    """Return the quantities of a request, from the names of both totals, each with its details."""
    (prompt_name, prompt), (reply_name, reply) = of_prompt, of_reply
    cached, audio = count_of(prompt, "cached_tokens"), count_of(prompt, "audio_tokens")
    reasoning, spoken = count_of(reply, "reasoning_tokens"), count_of(reply, "audio_tokens")
    return quantities(
        input_tokens=remainder(prompt_name, count_of(usage, prompt_name), cached, audio),
        cached_input_tokens=cached,
        input_audio_tokens=audio,
        output_tokens=remainder(reply_name, count_of(usage, reply_name), reasoning, spoken),
        reasoning_tokens=reasoning,
        output_audio_tokens=spoken,
    )
