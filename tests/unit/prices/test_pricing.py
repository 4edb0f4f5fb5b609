"""The cost of a recorded usage: default prices, names, units and dates."""

from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest

from ledger.calls.entries import Entry
from ledger.prices.catalogue import ESTIMATE
from ledger.prices.pricing import UNPRICED
from schemas.refusals import Refused
from tests.support.events import NOW, cost, decoded
from tests.support.memory_ledger import entry_of
from tests.support.prices import DEFAULTS, SamplePrice, catalogue

TOMORROW, YESTERDAY = NOW + timedelta(days=1), NOW - timedelta(days=1)


def priced(
    service: str, operation: str, usage: Any, unit: str, *rows: SamplePrice, **more: Any
) -> Entry:
    """Return the row of one usage, priced by the default prices and these rows."""
    plain = cost(service=service, operation=operation, usage=usage, unit=unit, **more)
    return entry_of(decoded(plain), catalogue([*DEFAULTS, *rows]))


def refusal(*arguments: Any, **more: Any) -> str:
    with pytest.raises(Refused) as refused:
        priced(*arguments, **more)
    return refused.value.code


@pytest.mark.parametrize(
    ("service", "operation", "usage", "unit", "model", "nano"),
    [
        ("twilio", "outbound_call", 1, "minutes", None, 14_000_000),
        ("twilio", "inbound_call", 1, "minutes", None, 8_500_000),
        ("twilio", "outbound_call", 90, "seconds", None, 21_000_000),
        ("deepgram", "streaming_stt", 1, "minutes", "nova-2", 5_900_000),
        ("deepgram", "streaming_stt", 1, "minutes", None, 5_900_000),
        ("deepgram", "prerecorded_stt", 1, "minutes", "nova-2", 4_300_000),
        ("deepgram", "streaming_stt", 1, "seconds", "nova-2", 98_333),
        ("cerebras", "inference", 1_000_000, "tokens", "llama3.1-8b", 100_000_000),
        ("cerebras", "inference", 1_000_000, "tokens", "llama3.1-70b", 600_000_000),
        ("cerebras", "inference", 1_000_000, "input_tokens", "llama3.1-405b", 6_000_000_000),
        ("cerebras", "inference", 1_000_000, "output_tokens", "llama3.1-405b", 12_000_000_000),
        ("cerebras", "inference", 1, "input_tokens", "llama3.1-8b", 100),
        ("elevenlabs", "tts", 1_000, "characters", "eleven_turbo_v2_5", 150_000_000),
        ("elevenlabs", "tts", 1_000, "characters", "eleven_monolingual_v1", 300_000_000),
        ("elevenlabs", "tts", 1_000, "characters", None, 300_000_000),
        ("openai", "inference", 1_000_000, "input_tokens", "gpt-4-turbo", 10_000_000_000),
        ("openai", "inference", 1_000_000, "output_tokens", "gpt-4-turbo", 30_000_000_000),
        ("twilio", "outbound_call", 0, "minutes", None, 0),
    ],
)
def test_default_prices_are_exact(
    service: str, operation: str, usage: int, unit: str, model: str | None, nano: int
) -> None:
    entry = priced(service, operation, usage, unit, model=model)
    assert entry.cost_nano == nano
    assert entry.price_id is not None
    assert DEFAULTS[entry.price_id - 1].service == service


@pytest.mark.parametrize(
    ("service", "standard", "names", "usage"),
    [
        (
            "twilio",
            "outbound_call",
            ["voice_call", "voice_outbound", "outbound_call", "voice", "Voice-Call", " VOICE "],
            {"unit": "minutes"},
        ),
        (
            "deepgram",
            "streaming_stt",
            ["stt_streaming", "streaming_stt", "transcription", "STT-Streaming"],
            {"unit": "minutes", "model": "nova-2"},
        ),
        (
            "cerebras",
            "inference",
            ["chat_completion", "inference", "extraction"],
            {"unit": "tokens", "model": "llama3.1-8b"},
        ),
        ("elevenlabs", "tts", ["tts_generation", "tts_streaming", "tts"], {"unit": "characters"}),
    ],
)
def test_operation_names_are_normalized(
    service: str, standard: str, names: list[str], usage: dict[str, str]
) -> None:
    """The row keeps both the standard name and the name as sent."""
    entries = [priced(service, name, 60, **usage) for name in names]
    assert len({entry.cost_nano for entry in entries}) == 1
    assert {entry.operation for entry in entries} == {standard}
    assert [entry.operation_sent for entry in entries] == [
        None if name == standard else name for name in names
    ]


@pytest.mark.parametrize("model", ["llama3.1-8b", "Llama3.1-8B", "llama-3.1-8b", " llama3.1-8b "])
def test_model_names_are_normalized(model: str) -> None:
    entry = priced("cerebras", "inference", 10, "tokens", model=model)
    assert (entry.cost_nano, entry.model) == (1000, "llama3.1-8b")


def test_model_may_be_in_the_metadata() -> None:
    written = {"model": "llama3.1-70b", "turn": 3}
    assert priced("cerebras", "inference", 10, "tokens", metadata=written).cost_nano == 6000
    both = {"model": "llama3.1-8b", "metadata": written}
    assert priced("cerebras", "inference", 10, "tokens", **both).cost_nano == 1000
    nonsense = {"model": 42}
    assert priced("cerebras", "inference", 10, "tokens", metadata=nonsense).is_unpriced


def test_minute_and_second_prices_are_interchangeable() -> None:
    per_second = SamplePrice("vendor", "talk", "*", "seconds", "0.001")
    assert priced("vendor", "talk", 2, "minutes", per_second).cost_nano == 120_000_000
    assert priced("vendor", "talk", 2, "seconds", per_second).cost_nano == 2_000_000
    per_minute = SamplePrice("vendor", "talk", "*", "minutes", "0.07")
    both = (per_second, per_minute)
    assert priced("vendor", "talk", 1, "seconds", per_minute).cost_nano == 1_166_667
    assert priced("vendor", "talk", 60, "seconds", *both).cost_nano == 60_000_000
    assert priced("vendor", "talk", 1, "minutes", *both).cost_nano == 70_000_000


def test_cost_is_rounded_once_half_to_even() -> None:
    row = SamplePrice("vendor", "talk", "*", "requests", "0.0000000005")
    costs = [priced("vendor", "talk", usage, "requests", row).cost_nano for usage in range(6)]
    assert costs == [0, 0, 1, 2, 2, 2]
    many = priced("vendor", "talk", Decimal("1000000.5"), "requests", row)
    assert many.cost_nano == 500_000


def test_total_and_unit_cost_of_the_emitter_are_used() -> None:
    """The emitter's total comes first; its unit cost applies only without a known price."""
    total = priced("twilio", "voice", 1, "minutes", totalCost="0.02", unitCost="9")
    assert (total.cost_nano, total.price_id, total.unit_cost) == (20_000_000, None, 9)
    known = priced("twilio", "voice", 1, "minutes", unitCost="9")
    assert (known.cost_nano, known.unit_cost) == (14_000_000, 9)
    unknown = priced("vendor", "talk", "2.5", "requests", unitCost="0.0000000001")
    assert (unknown.cost_nano, unknown.price_id) == (0, None)
    free = priced("vendor", "talk", 5, "requests", totalCost=0)
    assert (free.cost_nano, free.price_id) == (0, None)


@pytest.mark.parametrize(
    "usage",
    [
        ("twilio", "voice", 1, "characters"),
        ("twilio", "fax", 1, "minutes"),
        ("cerebras", "inference", 1, "tokens", {"model": "llama3.1-405b"}),
        ("cerebras", "inference", 1, "tokens", {}),
        ("deepgram", "streaming_stt", 1, "minutes", {"model": "nova-3"}),
        ("openai", "inference", 1, "tokens", {"model": "gpt-4-turbo"}),
        ("vendor", "talk", 1, "requests"),
        ("Twilio", "voice", 1, "minutes"),
    ],
)
def test_event_without_a_price_costs_nothing_and_is_marked(usage: tuple[Any, ...]) -> None:
    arguments, more = usage[:4], dict(usage[4]) if usage[4:] else {}
    row = priced(*arguments, **more)
    assert (row.cost_nano, row.price_id, row.is_unpriced) == (0, UNPRICED, True)
    assert (row.usage, row.unit) == (1, usage[3])


def test_cost_above_a_billion_is_refused() -> None:
    costly = SamplePrice("vendor", "talk", "*", "requests", "0.001")
    assert priced("vendor", "talk", 10**12, "requests", costly).cost_nano == 10**18
    costlier = SamplePrice("vendor", "talk", "*", "requests", "0.0010000000001")
    assert refusal("vendor", "talk", 10**12, "requests", costlier) == "invalid_event"
    assert refusal("vendor", "talk", 10**12, "requests", unitCost=1) == "invalid_event"


def test_price_in_force_at_the_event_time_applies() -> None:
    dearer = SamplePrice("twilio", "outbound_call", "*", "minutes", "0.02", since=NOW)
    before = NOW - timedelta(microseconds=1)
    assert priced("twilio", "voice", 1, "minutes", dearer, time=before).cost_nano == 14_000_000
    assert priced("twilio", "voice", 1, "minutes", dearer, time=NOW).cost_nano == 20_000_000
    cheaper = dearer._replace(usd="0.01", since=YESTERDAY)
    assert priced("twilio", "voice", 1, "minutes", dearer, cheaper).cost_nano == 20_000_000
    first = SamplePrice("vendor", "talk", "*", "requests", "1", since=NOW)
    assert priced("vendor", "talk", 1, "requests", first, time=before).is_unpriced


def test_future_special_price_leaves_the_general_one_in_force() -> None:
    """A model's own price of tomorrow must not leave today without a price."""
    own = SamplePrice(
        "elevenlabs", "tts", "eleven_new", "characters", "0.10", 1_000, since=TOMORROW
    )
    entry = priced("elevenlabs", "tts", 1_000, "characters", own, model="eleven_new")
    assert entry.cost_nano == 300_000_000
    by_second = SamplePrice("twilio", "outbound_call", "*", "seconds", "0.0001", since=TOMORROW)
    assert priced("twilio", "voice", 60, "seconds", by_second).cost_nano == 14_000_000
    in_force = own._replace(since=YESTERDAY)
    entry = priced("elevenlabs", "tts", 1_000, "characters", in_force, model="eleven_new")
    assert entry.cost_nano == 100_000_000


def test_estimate_is_used_only_without_a_price() -> None:
    rows = [
        SamplePrice("vendor", "talk", ESTIMATE, "minutes", "0.5"),
        SamplePrice("vendor", "talk", "known", "minutes", "0.25"),
    ]
    known, unknown, named = (
        priced("vendor", "talk", 2, "minutes", *rows, model=model)
        for model in ("known", "other", ESTIMATE)
    )
    assert (known.cost_nano, known.is_unpriced) == (500_000_000, False)
    assert (unknown.cost_nano, unknown.is_unpriced) == (1_000_000_000, True)
    assert (named.price_id, named.is_unpriced) == (unknown.price_id, True)
    own = priced("vendor", "talk", 2, "minutes", *rows, model="other", unitCost=3)
    assert (own.cost_nano, own.price_id) == (6_000_000_000, None)
