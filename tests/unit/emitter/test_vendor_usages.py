"""Vendors' inclusive counts become disjoint quantities; counts that contradict are refused."""

from collections.abc import Callable
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

import schemas
from cost_analytics_emitter import vendor_usages as vendors
from cost_analytics_emitter.usage_counts import Usages, VendorUsageError
from schemas.usages import UNITS

Convert = Callable[[Any], Usages]
EXAMPLES: dict[str, tuple[Convert, dict[str, Any], Usages]] = {
    "openai chat": (
        vendors.openai_chat_usages,
        {
            "prompt_tokens": 1400, "completion_tokens": 300, "total_tokens": 1700,
            "prompt_tokens_details": {"cached_tokens": 1024, "audio_tokens": 60},
            "completion_tokens_details": {"reasoning_tokens": 192, "audio_tokens": 8,
                                          "accepted_prediction_tokens": 0},
        },
        {"input_tokens": 316, "cached_input_tokens": 1024, "input_audio_tokens": 60,
         "output_tokens": 100, "reasoning_tokens": 192, "output_audio_tokens": 8},
    ),
    "openai chat without details": (
        vendors.openai_chat_usages,
        {"prompt_tokens": 9, "completion_tokens": 2, "prompt_tokens_details": None},
        {"input_tokens": 9, "output_tokens": 2},
    ),
    "openai responses": (
        vendors.openai_responses_usages,
        {"input_tokens": 100, "input_tokens_details": {"cached_tokens": 64}, "output_tokens": 30,
         "output_tokens_details": {"reasoning_tokens": 20}},
        {"input_tokens": 36, "cached_input_tokens": 64, "output_tokens": 10, "reasoning_tokens": 20},
    ),
    "openai realtime": (
        vendors.openai_realtime_usages,
        {
            "input_tokens": 500, "output_tokens": 90,
            "input_token_details": {
                "text_tokens": 200, "audio_tokens": 300, "cached_tokens": 256,
                "cached_tokens_details": {"text_tokens": 128, "audio_tokens": 128},
            },
            "output_token_details": {"text_tokens": 20, "audio_tokens": 70},
        },
        {"input_tokens": 72, "cached_input_tokens": 128, "input_audio_tokens": 172,
         "cached_input_audio_tokens": 128, "output_tokens": 20, "output_audio_tokens": 70},
    ),
    "openai transcription in tokens": (
        vendors.openai_transcription_usages,
        {"type": "tokens", "input_tokens": 140, "output_tokens": 31,
         "input_token_details": {"text_tokens": 10, "audio_tokens": 130}},
        {"input_tokens": 10, "input_audio_tokens": 130, "output_tokens": 31},
    ),
    "openai transcription in seconds": (
        vendors.openai_transcription_usages, {"type": "duration", "seconds": 9}, {"audio_seconds": 9},
    ),
    "anthropic": (
        vendors.anthropic_usages,
        {
            "input_tokens": 21, "cache_read_input_tokens": 4000, "output_tokens": 70,
            "cache_creation_input_tokens": 700,
            "cache_creation": {"ephemeral_5m_input_tokens": 500, "ephemeral_1h_input_tokens": 200},
            "server_tool_use": {"web_search_requests": 2},
        },
        {"input_tokens": 21, "cached_input_tokens": 4000, "cache_write_tokens": 500,
         "cache_write_1h_tokens": 200, "output_tokens": 70, "searches": 2},
    ),
    "anthropic without lifetimes": (
        vendors.anthropic_usages,
        {"input_tokens": 3, "cache_creation_input_tokens": 8, "output_tokens": 1},
        {"input_tokens": 3, "cache_write_tokens": 8, "output_tokens": 1},
    ),
    "gemini": (
        vendors.gemini_usages,
        {
            "promptTokenCount": 1000, "cachedContentTokenCount": 400, "candidatesTokenCount": 50,
            "thoughtsTokenCount": 80, "toolUsePromptTokenCount": 5,
            "promptTokensDetails": [{"modality": "TEXT", "tokenCount": 700},
                                    {"modality": "AUDIO", "tokenCount": 300}],
            "cacheTokensDetails": [{"modality": "AUDIO", "tokenCount": 100},
                                   {"modality": "TEXT", "tokenCount": 300}],
            "candidatesTokensDetails": [{"modality": "AUDIO", "tokenCount": 40}],
        },
        {"input_tokens": 405, "cached_input_tokens": 300, "input_audio_tokens": 200,
         "cached_input_audio_tokens": 100, "output_tokens": 10, "reasoning_tokens": 80,
         "output_audio_tokens": 40},
    ),
    "livekit": (
        vendors.livekit_usages,
        {"prompt_tokens": 80, "prompt_cached_tokens": 64, "completion_tokens": 12,
         "total_tokens": 92},
        {"input_tokens": 16, "cached_input_tokens": 64, "output_tokens": 12},
    ),
    "livekit with a written cache and reasoning": (
        vendors.livekit_usages,
        {"prompt_tokens": 900, "prompt_cached_tokens": 640, "cache_creation_tokens": 200,
         "completion_tokens": 70, "reasoning_tokens": 50, "total_tokens": 970},
        {"input_tokens": 60, "cached_input_tokens": 640, "cache_write_tokens": 200,
         "output_tokens": 20, "reasoning_tokens": 50},
    ),
    "livekit, thoughts of Gemini in the total only": (
        vendors.livekit_usages,
        {"prompt_tokens": 100, "completion_tokens": 20, "total_tokens": 200},
        {"input_tokens": 100, "output_tokens": 20, "reasoning_tokens": 80},
    ),
    "livekit realtime": (
        vendors.livekit_realtime_usages,
        {
            "input_tokens": 500, "output_tokens": 90, "total_tokens": 590,
            "input_token_details": {
                "text_tokens": 200, "audio_tokens": 300, "image_tokens": 0, "cached_tokens": 256,
                "cached_tokens_details": {"text_tokens": 128, "audio_tokens": 128, "image_tokens": 0},
            },
            "output_token_details": {"text_tokens": 20, "audio_tokens": 70, "image_tokens": 0},
        },
        {"input_tokens": 72, "cached_input_tokens": 128, "input_audio_tokens": 172,
         "cached_input_audio_tokens": 128, "output_tokens": 20, "output_audio_tokens": 70},
    ),
    "livekit realtime, tokens without a modality": (
        vendors.livekit_realtime_usages,
        {"input_tokens": 40, "output_tokens": 9, "total_tokens": 60,
         "input_token_details": {"cached_tokens": 30, "cached_tokens_details": None},
         "output_token_details": {}},
        {"input_tokens": 10, "cached_input_tokens": 30, "output_tokens": 9, "reasoning_tokens": 11},
    ),
    "livekit realtime billed by the connection": (
        vendors.livekit_realtime_usages, {"session_duration": 12.5}, {"seconds": Decimal("12.5")},
    ),
    "livekit speech recognition in seconds": (
        vendors.livekit_stt_usages, {"audio_duration": 5.05, "input_tokens": 0},
        {"seconds": Decimal("5.05")},
    ),
    "livekit speech recognition in tokens": (
        vendors.livekit_stt_usages,
        {"audio_duration": 5.0, "input_tokens": 60, "input_audio_tokens": 50, "output_tokens": 7},
        {"input_tokens": 10, "input_audio_tokens": 50, "output_tokens": 7},
    ),
    "livekit speech recognition in tokens of a stream": (
        vendors.livekit_stt_usages, {"input_tokens": 60, "output_tokens": 7},
        {"input_audio_tokens": 60, "output_tokens": 7},
    ),
    "livekit speech in characters": (
        vendors.livekit_tts_usages, {"characters_count": 41, "audio_duration": 2.5},
        {"characters": 41},
    ),
    "livekit speech in tokens": (
        vendors.livekit_tts_usages,
        {"characters_count": 41, "input_tokens": 11, "output_tokens": 300},
        {"input_tokens": 11, "output_audio_tokens": 300},
    ),
}  # fmt: skip
CONVERSIONS = sorted(
    {vendors.pipecat_usages, *(convert for convert, _, _ in EXAMPLES.values())},
    key=lambda one: one.__name__,
)


@pytest.mark.parametrize("name", EXAMPLES)
def test_counts_are_split_into_disjoint_quantities(name: str) -> None:
    convert, usage, expected = EXAMPLES[name]
    assert convert(usage) == expected
    assert expected.keys() <= UNITS.keys()


def test_images_of_livekit_keep_their_own_units() -> None:
    """The catalogue needs a price for them; until then the request is unpriced, and not lost."""
    details = {
        "image_tokens": 30,
        "cached_tokens": 10,
        "cached_tokens_details": {"image_tokens": 10},
    }
    usage = {"input_tokens": 50, "input_token_details": details}
    assert vendors.livekit_realtime_usages(usage) == {
        "input_tokens": 20,
        "input_image_tokens": 20,
        "cached_input_image_tokens": 10,
    }


CONTRADICTIONS: dict[str, tuple[Convert, dict[str, Any], str]] = {
    "more cached than prompt": (
        vendors.openai_chat_usages,
        {"prompt_tokens": 10, "prompt_tokens_details": {"cached_tokens": 11}},
        "`prompt_tokens` is 10, but contains 11",
    ),
    "more reasoning than reply": (
        vendors.openai_responses_usages,
        {"output_tokens": 10, "output_tokens_details": {"reasoning_tokens": 11}},
        "`output_tokens` is 10",
    ),
    "realtime cached audio without audio": (
        vendors.openai_realtime_usages,
        {"input_tokens": 5, "input_token_details": {
            "text_tokens": 5, "cached_tokens": 1, "cached_tokens_details": {"audio_tokens": 1}}},
        "`audio_tokens` is 0",
    ),
    "realtime parts that do not sum up": (
        vendors.openai_realtime_usages,
        {"input_tokens": 6, "input_token_details": {"text_tokens": 5}},
        "`input_tokens` is 6, but its parts are 5",
    ),
    "realtime images": (
        vendors.openai_realtime_usages,
        {"input_tokens": 6, "input_token_details": {"image_tokens": 6}},
        "`image_tokens`",
    ),
    "lifetimes that do not sum up": (
        vendors.anthropic_usages,
        {"cache_creation_input_tokens": 5, "cache_creation": {"ephemeral_1h_input_tokens": 6}},
        "parts are 6",
    ),
    "more cached than the prompt of gemini": (
        vendors.gemini_usages, {"promptTokenCount": 1, "cachedContentTokenCount": 2}, "contains 2",
    ),
    "images as a reply": (
        vendors.gemini_usages,
        {"candidatesTokensDetails": [{"modality": "IMAGE", "tokenCount": 2}]},
        "IMAGE",
    ),
    "a total below its parts": (
        vendors.pipecat_usages, {"total_tokens": 5, "completion_tokens": 6}, "`total_tokens` is 5",
    ),
    "more cached than the prompt of livekit": (
        vendors.livekit_usages, {"prompt_tokens": 1, "prompt_cached_tokens": 2}, "contains 2",
    ),
    "more reasoning than the reply of livekit": (
        vendors.livekit_usages, {"completion_tokens": 5, "reasoning_tokens": 6}, "contains 6",
    ),
    "more cached than the audio of livekit": (
        vendors.livekit_realtime_usages,
        {"input_tokens": 9, "input_token_details": {
            "audio_tokens": 1, "cached_tokens": 2, "cached_tokens_details": {"audio_tokens": 2}}},
        "`audio_tokens` is 1",
    ),
    "an endless duration": (
        vendors.livekit_stt_usages, {"audio_duration": float("inf")}, "not a duration",
    ),
    "a negative count": (vendors.livekit_usages, {"completion_tokens": -1}, "is -1, not a count"),
    "a count with a fraction": (vendors.livekit_usages, {"prompt_tokens": 1.5}, "not a count"),
    "details that are no object": (
        vendors.openai_chat_usages, {"prompt_tokens_details": [1]}, "not an object",
    ),
    "modalities that are no list": (
        vendors.gemini_usages, {"promptTokensDetails": {}}, "not a list",
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", CONTRADICTIONS)
def test_counts_that_contradict_are_refused(name: str) -> None:
    convert, usage, reason = CONTRADICTIONS[name]
    with pytest.raises(VendorUsageError, match=reason):
        convert(usage)


@given(prompt=st.integers(0, 9), cached=st.integers(0, 9), audio=st.integers(0, 9))
def test_quantities_sum_up_to_the_inclusive_count(prompt: int, cached: int, audio: int) -> None:
    details = {"cached_tokens": cached, "audio_tokens": audio}
    usage = {"prompt_tokens": prompt, "prompt_tokens_details": details}
    if cached + audio > prompt:
        with pytest.raises(VendorUsageError):
            vendors.openai_chat_usages(usage)
    else:
        found = vendors.openai_chat_usages(usage)
        assert sum(found.values()) == prompt
        assert all(quantity > 0 for quantity in found.values())


@pytest.mark.parametrize("convert", CONVERSIONS, ids=lambda one: one.__name__)
def test_every_conversion_is_documented(convert: Convert) -> None:
    page = (Path(schemas.__file__).parents[1] / "docs" / "events.md").read_text("utf-8")
    assert f"| `{convert.__name__}` |" in page
    assert page.count("_usages` |") == len(CONVERSIONS)
    assert convert({}) == {}
