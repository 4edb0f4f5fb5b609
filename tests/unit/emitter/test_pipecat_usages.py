"""The counts of Pipecat's metrics become disjoint quantities, whatever a service includes."""

from typing import Any

import pytest

from cost_analytics_emitter import VendorUsageError, pipecat_usages

CASES: dict[str, tuple[dict[str, Any], dict[str, int]]] = {
    "cached tokens in the prompt": (
        {"prompt_tokens": 900, "completion_tokens": 100, "total_tokens": 1000,
         "cache_read_input_tokens": 640, "reasoning_tokens": 30},
        {"input_tokens": 260, "cached_input_tokens": 640, "output_tokens": 70, "reasoning_tokens": 30},
    ),
    "cached tokens beside the prompt": (
        {"prompt_tokens": 200, "completion_tokens": 100, "total_tokens": 1000,
         "cache_read_input_tokens": 640, "cache_creation_input_tokens": 60},
        {"input_tokens": 200, "cached_input_tokens": 640, "cache_write_tokens": 60,
         "output_tokens": 100},
    ),
    "a realtime session": (
        {"prompt_tokens": 1000, "completion_tokens": 150, "total_tokens": 1150,
         "cache_read_input_tokens": 500, "input_audio_tokens": 700, "output_audio_tokens": 100,
         "cache_read_input_audio_tokens": 300, "reasoning_tokens": 20},
        {"input_tokens": 100, "cached_input_tokens": 200, "input_audio_tokens": 400,
         "cached_input_audio_tokens": 300, "output_tokens": 30, "reasoning_tokens": 20,
         "output_audio_tokens": 100},
    ),
    "a server that omits the total": (
        {"prompt_tokens": 80, "completion_tokens": 12, "total_tokens": 0,
         "cache_read_input_tokens": 64},
        {"input_tokens": 16, "cached_input_tokens": 64, "output_tokens": 12},
    ),
    "zeros of an interrupted request": (
        {"prompt_tokens": 0, "completion_tokens": 0, "total_tokens": 0, "reasoning_tokens": 0},
        {},
    ),
}  # fmt: skip

CONTRADICTIONS: dict[str, tuple[dict[str, Any], str]] = {
    "more cached than the prompt": (
        {"prompt_tokens": 5, "completion_tokens": 1, "total_tokens": 6,
         "cache_read_input_tokens": 7}, "`total_tokens` is 6"),
    "more reasoning than the reply": (
        {"prompt_tokens": 5, "completion_tokens": 1, "total_tokens": 6, "reasoning_tokens": 2},
        "`completion_tokens` is 1"),
    "more cached audio than audio": (
        {"prompt_tokens": 5, "completion_tokens": 1, "total_tokens": 6,
         "cache_read_input_audio_tokens": 2}, "`input_audio_tokens` is 0"),
}  # fmt: skip


@pytest.mark.parametrize("name", CASES)
def test_counts_are_split(name: str) -> None:
    usage, quantities = CASES[name]
    assert pipecat_usages(usage) == quantities


@pytest.mark.parametrize("name", CONTRADICTIONS)
def test_counts_that_contradict_are_refused(name: str) -> None:
    usage, reason = CONTRADICTIONS[name]
    with pytest.raises(VendorUsageError, match=reason):
        pipecat_usages(usage)
