"""Prices of LiteLLM's list are read exactly, or left out with a reason."""

import json
from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ledger.prices.rows import PriceRow
from streams.prices.configured import read_sources
from streams.prices.litellm import read_litellm
from streams.prices.reading import PriceListResult, PriceSourceError

AT = datetime(2026, 11, 30, tzinfo=UTC)
# Entries of the backup JSON in the wheel of litellm 1.110.2, shortened.
LIST = """{
  "sample_spec": {"litellm_provider": "one of …", "mode": "one of: chat, …", "input_cost_per_token": 0.0},
  "gemini/gemini-2.5-pro": {
    "litellm_provider": "gemini", "mode": "chat", "deprecation_date": "2036-12-01",
    "source": "https://ai.google.dev/gemini-api/docs/pricing", "max_input_tokens": 1048576,
    "input_cost_per_token": 1.25e-06, "input_cost_per_token_above_200k_tokens": 2.5e-06,
    "input_cost_per_token_batches": 6.25e-07,
    "input_cost_per_token_above_200k_tokens_priority": 4.5e-06, "output_cost_per_token": 1e-05,
    "cache_read_input_token_cost": 1.25e-07, "search_context_cost_per_query": {"low": 0.035},
    "input_cost_per_token_ultrafast": 9e-06
  },
  "claude-sonnet-4-5": {
    "litellm_provider": "anthropic", "mode": "chat", "input_cost_per_token": 3e-06,
    "cache_creation_input_token_cost": 3.75e-06,
    "cache_creation_input_token_cost_above_1hr": 6e-06,
    "cache_creation_input_token_cost_above_1hr_above_200k_tokens": 1.2e-05
  },
  "deepgram/nova-3": {
    "litellm_provider": "deepgram", "mode": "audio_transcription", "input_cost_per_second": 7.167e-05,
    "output_cost_per_second": 0.0, "metadata": {"original_pricing_per_minute": 0.0043}
  },
  "deepgram/streaming/nova-3": {
    "litellm_provider": "deepgram", "mode": "audio_transcription", "input_cost_per_second": 0.00012833,
    "metadata": {"original_pricing_per_minute": 0.0077}
  },
  "deepgram/streaming/diarize": {
    "litellm_provider": "deepgram", "mode": "audio_transcription", "input_cost_per_second": 3.333e-05,
    "metadata": {"note": "Speaker Diarization add-on", "original_pricing_per_minute": 0.002}
  },
  "elevenlabs/scribe_v1": {
    "litellm_provider": "elevenlabs", "mode": "audio_transcription", "input_cost_per_second": 6.11e-05,
    "metadata": {"original_pricing_per_hour": 0.22}
  },
  "elevenlabs/eleven_turbo_v2_5": {
    "litellm_provider": "elevenlabs", "mode": "audio_speech", "input_cost_per_character": 4e-05
  },
  "whisper-1": {
    "litellm_provider": "openai", "mode": "audio_transcription", "input_cost_per_second": 0.0001
  },
  "groq/whisper-large-v3": {
    "litellm_provider": "groq", "mode": "audio_transcription", "input_cost_per_second": 3.083e-05
  },
  "qwen": {
    "litellm_provider": "dashscope", "mode": "chat", "input_cost_per_token": 1e-06,
    "tiered_pricing": [{"range": [0, 32000], "input_cost_per_token": 2e-06}]
  },
  "dall-e-3": {"litellm_provider": "openai", "mode": "image_generation", "input_cost_per_image": 0.04}
}"""


def read(text: str = LIST, *services: str) -> PriceListResult:
    return read_litellm(text.encode(), AT, source="LiteLLM", services=services)


def prices(rows: list[PriceRow]) -> set[tuple[str, str, str, str, Decimal, int, str]]:
    return {
        (row.service, row.operation, row.model, row.unit, row.price_usd, row.per_units, str(row.conditions))
        for row in rows
    }  # fmt: skip


def test_prices_have_their_units_tiers_and_sizes() -> None:
    million, gemini = 1_000_000, ("gemini", "inference", "gemini-2.5-pro")
    claude = ("anthropic", "inference", "claude-sonnet-4-5")
    assert prices(read().rows) == {
        (*gemini, "input_tokens", Decimal("1.25"), million, ""),
        (*gemini, "input_tokens", Decimal("2.5"), million, "above 200000 input tokens"),
        (*gemini, "input_tokens", Decimal("0.625"), million, "batch tier"),
        (*gemini, "input_tokens", Decimal("4.5"), million,
         "priority tier, above 200000 input tokens"),
        (*gemini, "output_tokens", Decimal(10), million, ""),
        (*gemini, "cached_input_tokens", Decimal("0.125"), million, ""),
        (*claude, "input_tokens", Decimal(3), million, ""),
        (*claude, "cache_write_tokens", Decimal("3.75"), million, ""),
        (*claude, "cache_write_1h_tokens", Decimal(6), million, ""),
        (*claude, "cache_write_1h_tokens", Decimal(12), million, "above 200000 input tokens"),
        ("deepgram", "prerecorded_stt", "nova-3", "minutes", Decimal("0.0043"), 1, ""),
        ("deepgram", "streaming_stt", "nova-3", "minutes", Decimal("0.0077"), 1, ""),
        ("elevenlabs", "stt", "scribe_v1", "minutes", Decimal("0.22"), 60, ""),
        ("elevenlabs", "tts", "eleven_turbo_v2_5", "characters", Decimal("0.04"), 1_000, ""),
        ("openai", "stt", "whisper-1", "minutes", Decimal("0.006"), 1, ""),
    }  # fmt: skip


def test_inexact_and_unknown_prices_are_left_out_and_counted() -> None:
    assert read().left_out == {
        "rounded rates per second": 1,
        "figures for units or tiers that are not known": 2,
        "add-ons and uncertain prices": 1,
        "models with their own table of prices": 1,
        "models of the mode image_generation": 1,
    }
    assert read().models == 7


def test_row_has_its_publication_and_the_retirement_of_its_model() -> None:
    (row,) = [row for row in read(LIST, "gemini").rows if row.conditions.tier == "batch"]
    assert row.source == "LiteLLM, https://ai.google.dev/gemini-api/docs/pricing"
    assert row.retires_on == date(2036, 12, 1)
    assert row.effective_from == AT


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("", "not JSON"),
        ("[]", "not an object of models"),
        ("{}", "has no prices"),
        ('{"a": 1}', "a is not an object"),
        ('{"a": {"litellm_provider": "x", "mode": "chat", "input_cost_per_token": NaN}}', "not JSON"),
        ('{"a": {"litellm_provider": "x", "mode": "chat", "input_cost_per_token": "NaN"}}', "no prices"),
        ('{"a": {"litellm_provider": "x", "mode": "chat", "input_cost_per_token": -1}}', "no prices"),
        ('{"a": {"litellm_provider": "x", "mode": "chat", "input_cost_per_token": true}}', "no prices"),
    ],
)  # fmt: skip
def test_text_that_is_no_price_list_is_refused(text: str, reason: str) -> None:
    with pytest.raises(PriceSourceError, match=reason):
        read(text)


values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.text(max_size=3), inner, max_size=2),
    max_leaves=4,
)  # fmt: skip
names = st.sampled_from(
    ["litellm_provider", "mode", "metadata", "source", "deprecation_date", "input_cost_per_token",
     "input_cost_per_second", "input_cost_per_token_above_200k_tokens_flex", "tiered_pricing"]
)  # fmt: skip


@given(st.dictionaries(st.text(max_size=5), values | st.dictionaries(names, values), max_size=3))
def test_any_object_is_read_or_refused(entries: dict[str, Any]) -> None:
    try:
        found = read(json.dumps(entries))
    except PriceSourceError:
        return
    assert all(row.price_usd > 0 for row in found.rows)


def test_the_list_is_a_source_for_the_daily_refresh(tmp_path: Path) -> None:
    file = tmp_path / "sources.json"
    url = "https://example.com/prices.json"
    source = {"kind": "litellm", "name": "list", "url": url, "services": ["deepgram"]}
    file.write_text(json.dumps({"sources": [source]}))
    (configured,) = read_sources(str(file))
    rows = configured.rows(LIST.encode(), AT.replace(microsecond=7))
    assert {(row.service, row.effective_from) for row in rows} == {("deepgram", AT)}
    assert rows[0].source == "list"
