"""Names of models, as vendors, frameworks and users write them, and the prices that they get."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ledger.prices.aliases import InvalidAliasError, new_alias
from ledger.prices.catalogue import Alias, Catalogue, Price
from ledger.prices.spellings import spellings

START = datetime(2026, 1, 1, tzinfo=UTC)
DAY = timedelta(days=1)


def catalogue(service: str, *models: str, aliases: tuple[Alias, ...] = ()) -> Catalogue:
    """Return a catalogue in which the price of each model is its position, from 1."""
    rows = [
        Price(usd, service, "api", "inference", model, "input_tokens", Decimal(usd), 10**6, START)
        for usd, model in enumerate(models, start=1)
    ]
    return Catalogue(rows, aliases=aliases)


def priced_as(found: Catalogue, service: str, model: str, time: datetime = START) -> int | None:
    """Return the position of the model whose price a name has."""
    rate = found.tariff(service, "inference", model, "input_tokens").at(time)
    return rate.price_id if rate else None


@pytest.mark.parametrize(
    ("service", "sent", "known"),
    [
        ("openai", "openai/gpt-4.1-mini", "gpt-4.1-mini"),
        ("openai", "azure/gpt-4.1-mini", "gpt-4.1-mini"),
        ("azure", "azure/gpt-4.1-mini", "gpt-4.1-mini"),
        ("openai", "gpt-4.1-mini-2025-04-14", "gpt-4.1-mini"),
        ("openai", "GPT-4.1-mini-20250414", "gpt-4.1-mini-2025-04-14"),
        ("openai", "openai/gpt-4.1-mini-2025-04-14", "gpt-4.1-mini"),
        ("anthropic", "claude-3-5-haiku-20241022", "claude-3-5-haiku-latest"),
        ("anthropic", "anthropic/claude-3.5-haiku", "claude-3-5-haiku"),
        ("aws", "bedrock/eu.anthropic.claude-haiku-4-5-20251001-v1:0", "anthropic.claude-haiku-4-5-20251001-v1:0"),
        ("aws", "us.anthropic.claude-haiku-4-5-20251001-v1:0", "us.anthropic.claude-haiku-4-5-20251001"),
        ("google", "vertex_ai/claude-sonnet-4@20250514", "claude-sonnet-4"),
        ("google", "publishers/google/models/gemini-2.5-pro", "gemini-2.5-pro"),
        ("fireworks", "accounts/fireworks/models/kimi-k2p5", "kimi-k2p5"),
    ],
)  # fmt: skip
def test_names_of_frameworks_and_vendors_have_one_price(
    service: str, sent: str, known: str
) -> None:
    assert priced_as(catalogue(service, known), service, sent) == 1


@pytest.mark.parametrize(
    ("service", "sent", "known"),
    [
        ("openai", "anthropic/claude-sonnet-4", "claude-sonnet-4"),
        ("groq", "openai/gpt-oss-120b", "gpt-oss-120b"),
        ("aws", "global.anthropic.claude-haiku-4-5", "anthropic.claude-haiku-4-5"),
        ("openai", "gpt-4.1-mini", "gpt-4.1"),
        ("openai", "gpt-4-0613", "gpt-4"),
        ("openai", "my-deployment", "gpt-4"),
    ],
)
def test_another_model_is_never_used(service: str, sent: str, known: str) -> None:
    assert priced_as(catalogue(service, known), service, sent) is None


def test_closest_name_has_priority() -> None:
    """The name itself, then an alias, then the spelling that changes least, then any model."""
    sent = "openai/m-2025-04-14"
    names = [sent, "target", "m-2025-04-14", "m-20250414", "openai/m", "m", "m-latest", "*"]
    alias = Alias("openai", sent, "target", START)
    for first in range(len(names)):
        rest = names[first:]
        for models in (rest, rest[::-1]):
            found = catalogue("openai", *models, aliases=(alias,))
            assert models[(priced_as(found, "openai", sent) or 0) - 1] == names[first]


def test_alias_in_force_has_the_prices_of_its_model() -> None:
    aliases = (
        Alias("openai", "ours", "a", START + DAY),
        Alias("openai", "ours", "b", START + 2 * DAY),
        Alias("openai", "ours", None, START + 3 * DAY),
    )
    found = catalogue("openai", "a", "b", "*", aliases=aliases)
    days = [START + hours * DAY / 2 for hours in range(8)]
    assert [priced_as(found, "openai", "ours", day) for day in days] == [3, 3, 1, 1, 2, 2, 3, 3]
    assert priced_as(found, "azure", "ours", days[2]) is None


def test_usage_before_the_alias_gets_its_price_only_without_another_one() -> None:
    alias = (Alias("openai", "ours", "a", START + DAY),)
    assert priced_as(catalogue("openai", "a", aliases=alias), "openai", "ours") == 1
    assert priced_as(catalogue("openai", "a", "*", aliases=alias), "openai", "ours") == 2


def test_a_name_without_alias_stays_on_the_fast_path() -> None:
    alias = (Alias("openai", "ours", "a", START),)
    found = catalogue("openai", "a", "*", aliases=alias)
    assert not found.tariff("openai", "inference", "openai/a", "input_tokens").conditional
    assert found.tariff("openai", "inference", "ours", "input_tokens").conditional


@given(st.sampled_from(["openai", "aws", "google", "x"]), st.text(max_size=40))
def test_spellings_are_unique_and_differ_from_the_name(service: str, name: str) -> None:
    others = spellings(service, name)
    assert len(set(others)) == len(others)
    assert name not in others


@pytest.mark.parametrize(
    ("changes", "word"),
    [
        ({"service": ""}, "service is missing"),
        ({"alias": ""}, "alias is missing"),
        ({"alias": "x" * 256}, "alias is not a text"),
        ({"model": "m\tn"}, "model is not a text"),
        ({"model": "*"}, "not names of models"),
        ({"model": "OURS"}, "the same name"),
        ({"effective_from": "soon"}, "effective_from"),
        ({"effective_from": "9999-12-31T23:59:59-10:00"}, "effective_from"),
        ({"price": "1"}, "Unknown field price"),
    ],
)
def test_an_invalid_alias_is_explained(changes: dict[str, str], word: str) -> None:
    fields = {"service": "openai", "alias": "ours", "model": "gpt-4-turbo"}
    with pytest.raises(InvalidAliasError, match=word):
        new_alias(fields | changes, source="file")
