"""Recommendations: each saving agrees with an independent computation."""

from datetime import UTC, datetime
from decimal import Decimal
from fractions import Fraction
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ledger.reports.advice import SAVING_NANO_MIN, advice_notes, advise
from ledger.reports.advice_facts import (
    ChargeSum,
    EventRef,
    Recommendation,
    UsageSum,
)
from tests.support.prices import DEFAULTS, SamplePrice, catalogue

NOW = datetime(2026, 11, 18, 12, tzinfo=UTC)
USD = 10**9
EXAMPLES = [EventRef("/voice", "event-1", "call-1")]
PRICES = catalogue()


def used(service: str, operation: str, model: str, unit: str, **more: Any) -> UsageSum:
    """Return usage of ten events of two calls, none above the median, without known phrases."""
    usual: dict[str, Any] = {
        "events": 10, "calls": 2, "usage": Decimal(1000), "cost_nano": USD, "median": Decimal(100),
        "above_median_count": 0, "above_median": Decimal(0), "phrases": 0, "repeats": 0,
        "repeated_usage": Decimal(0), "repeated_cost_nano": 0, "examples": EXAMPLES,
    }  # fmt: skip
    return UsageSum(service, operation, model, unit, **(usual | more))


def inference(model: str, unit: str = "tokens", **more: Any) -> UsageSum:
    return used("cerebras", "inference", model, unit, **more)


def charged(charges: int, fee_nano: int) -> ChargeSum:
    return ChargeSum("stripe", charges, charges, 499 * charges * USD // 100, fee_nano, EXAMPLES)


def only(*usages: UsageSum, charges: list[ChargeSum] | None = None) -> Recommendation:
    [one] = advise(usages, charges or [], PRICES, NOW)
    return one


def test_smaller_model_is_recommended() -> None:
    """2.46 million tokens: 1.476 USD with 70b at 0.60 a million, 0.246 with 8b at 0.10."""
    advice = only(inference("llama3.1-70b", usage=Decimal(2_460_000), cost_nano=1_476_000_000))
    assert advice.kind == "model_choice"
    assert (advice.current_nano, advice.new_nano) == (1_476_000_000, 246_000_000)
    assert advice.sentence == (
        "Using llama3.1-8b instead of llama3.1-70b would have saved $1.23 in 30 days."
    )
    assert "2,460,000 tokens with llama3.1-70b cost $1.48; at current prices" in advice.computation
    assert [other.model for other in advice.alternatives] == ["llama3.1-8b"]
    assert advice.evidence.usage == {"tokens": Decimal(2_460_000)}
    assert (advice.evidence.events, advice.evidence.calls) == (10, 2)
    assert advice.evidence.examples == EXAMPLES


def test_model_with_two_prices_is_compared_as_a_whole() -> None:
    """Million in, million out: 18 USD with 405b; 1.20 with 70b; 0.20 with 8b."""
    million = Decimal(1_000_000)
    advice = only(
        inference("llama3.1-405b", "input_tokens", usage=million, cost_nano=6 * USD),
        inference("llama3.1-405b", "output_tokens", usage=million, cost_nano=12 * USD),
    )
    assert [(other.model, other.saving_nano) for other in advice.alternatives] == [
        ("llama3.1-8b", 17_800_000_000),
        ("llama3.1-70b", 16_800_000_000),
    ]
    assert advice.saving_nano == 17_800_000_000
    assert advice.evidence.events == 20


def test_cheaper_voice_is_recommended() -> None:
    advice = only(used("elevenlabs", "tts", "eleven_multilingual_v2", "characters",
                       usage=Decimal(10_000), cost_nano=3 * USD))  # fmt: skip
    assert advice.saving_nano == USD * 3 // 2
    assert [other.model for other in advice.alternatives] == ["eleven_turbo_v2_5"]


@pytest.mark.parametrize(
    "line",
    [
        inference("llama3.1-8b", usage=Decimal(1_000_000), cost_nano=USD // 10),
        inference("llama3.1-70b", cost_nano=0),
        inference("llama3.1-70b", "requests", cost_nano=USD),
        inference("", cost_nano=USD),
        used("openai", "inference", "gpt-4-turbo", "input_tokens", cost_nano=USD),
        used("twilio", "outbound_call", "", "minutes", cost_nano=USD),
        used("elevenlabs", "tts", "eleven_turbo_v2_5", "characters", cost_nano=USD),
    ],
    ids=["cheapest", "free", "unit", "none", "alone", "no-model", "cheapest-voice"],
)
def test_no_model_is_recommended_without_a_saving(line: UsageSum) -> None:
    cheapest = line._replace(cost_nano=min(line.cost_nano, 150_000_000))
    assert advise([cheapest], [], PRICES, NOW) == []


def test_recommendations_use_current_prices() -> None:
    later = SamplePrice("cerebras", "inference", "llama3.1-8b", "tokens", "0.70", 1_000_000,
                since=datetime(2026, 11, 1, tzinfo=UTC))  # fmt: skip
    ahead = later._replace(since=datetime(2026, 12, 1, tzinfo=UTC))
    line = inference("llama3.1-70b", usage=Decimal(1_000_000), cost_nano=600_000_000)
    assert advise([line], [], catalogue([*DEFAULTS, later]), NOW) == []
    assert len(advise([line], [], catalogue([*DEFAULTS, ahead]), NOW)) == 1


def test_repeated_phrases_are_recommended_for_caching() -> None:
    speech = used("elevenlabs", "tts", "eleven_turbo_v2_5", "characters", cost_nano=1_500_000_000,
                  phrases=8, repeats=5, repeated_usage=Decimal(300), repeated_cost_nano=450_000_000)  # fmt: skip
    advice = only(speech)
    assert advice.kind == "phrase_caching"
    assert (advice.saving_nano, advice.new_nano) == (450_000_000, 1_050_000_000)
    assert (
        "8 of 10 events have a phrase hash; 5 of them repeat an earlier phrase"
        in advice.computation
    )
    assert advice_notes([speech]) == []
    [note] = advice_notes([speech._replace(phrases=0, repeats=0)])
    assert "phraseHash" in note
    assert advice_notes([inference("llama3.1-8b")]) == []


def test_long_replies_are_recommended_for_shortening() -> None:
    """Of 1000 characters for 1.50 USD, 250 are above what half of the replies need."""
    speech = used("elevenlabs", "tts", "eleven_turbo_v2_5", "characters", cost_nano=1_500_000_000,
                  median=Decimal(80), above_median_count=4, above_median=Decimal(250))  # fmt: skip
    advice = only(speech)
    assert (advice.kind, advice.saving_nano) == ("shorter_replies", 375_000_000)
    assert "replies at 80 characters (the median)" in advice.sentence
    recognition = used("deepgram", "streaming_stt", "nova-2", "seconds", above_median=Decimal(250))
    assert advise([recognition], [], PRICES, NOW) == []


def test_bundles_are_recommended_for_single_charges() -> None:
    """23 charges become 3, which saves 20 times the fixed 0.30."""
    advice = only(charges=[charged(23, 23 * 444_710_000)])
    assert (advice.kind, advice.saving_nano) == ("prepaid_bundle", 6 * USD)
    assert advice.evidence.usage == {"charges": Decimal(23)}
    assert advise([], [charged(1, USD)], PRICES, NOW) == []
    assert advise([], [charged(10, 0)], PRICES, NOW) == []
    unknown = charged(10, USD)._replace(processor="unheard-of")
    assert advise([], [unknown], PRICES, NOW) == []


def test_saving_by_bundles_is_at_most_the_avoided_fees() -> None:
    """20 charges with fees of 0.05 each: 18 of them paid 0.90 together, not 18 times 0.30."""
    advice = only(charges=[charged(20, USD)])
    assert advice.saving_nano == 9 * USD // 10


@pytest.mark.parametrize(
    ("events", "saving", "count"),
    [(9, USD, 0), (10, USD, 1), (10, USD // 10 - 1, 0), (10, USD // 10, 1)],
)
def test_recommendation_needs_enough_events_and_a_minimum_saving(
    events: int, saving: int, count: int
) -> None:
    speech = used("elevenlabs", "tts", "eleven_turbo_v2_5", "characters", cost_nano=2 * USD,
                  events=events, phrases=8, repeats=5, repeated_cost_nano=saving)  # fmt: skip
    assert len(advise([speech], [], PRICES, NOW)) == count
    assert advise([], [charged(9, 4 * USD)], PRICES, NOW) == []


def test_recommendations_are_ordered_by_saving() -> None:
    speech = used("elevenlabs", "tts", "eleven_multilingual_v2", "characters", cost_nano=410_000_000,
                  above_median=Decimal(250), repeats=1, phrases=2, repeated_cost_nano=270_000_000)  # fmt: skip
    thought = inference("llama3.1-70b", usage=Decimal(300_000), cost_nano=180_000_000)
    found = advise([speech, thought], [charged(10, 4 * USD)], PRICES, NOW)
    assert [each.kind for each in found] == [
        "prepaid_bundle", "phrase_caching", "model_choice", "model_choice", "shorter_replies",
    ]  # fmt: skip
    assert found == advise([thought, speech], [charged(10, 4 * USD)], PRICES, NOW)


LINES = st.builds(
    inference,
    st.sampled_from(["llama3.1-8b", "llama3.1-70b", "llama3.1-405b", ""]),
    st.sampled_from(["tokens", "input_tokens", "output_tokens", "characters"]),
    usage=st.decimals(0, 10**9, places=3),
    cost_nano=st.integers(0, 10**13),
    above_median=st.decimals(0, 10**9, places=3),
    repeats=st.integers(0, 5),
)


@given(st.lists(LINES, max_size=5, unique_by=lambda line: line[:4]), st.integers(0, 10**12))
def test_saving_is_positive_and_at_most_the_amount_paid(lines: list[UsageSum], fee: int) -> None:
    lines = [
        line._replace(
            above_median=min(line.above_median, line.usage),
            repeated_cost_nano=line.cost_nano if line.repeats else 0,
        )
        for line in lines
    ]
    found = advise(lines, [charged(17, fee)], PRICES, NOW)
    for recommendation in found:
        assert SAVING_NANO_MIN <= recommendation.saving_nano <= recommendation.current_nano
        assert recommendation.saving_nano == recommendation.current_nano - recommendation.new_nano
    assert found == sorted(found, key=lambda each: -each.saving_nano)
    for line in lines:
        saved = [e for e in found if e.kind == "shorter_replies" and e.evidence[4] == line.model
                 and list(e.evidence.usage) == [line.unit]]  # fmt: skip
        for recommendation in saved:
            exact = Fraction(line.cost_nano) * Fraction(line.above_median) / Fraction(line.usage)
            assert abs(recommendation.saving_nano - exact) <= Fraction(1, 2)
