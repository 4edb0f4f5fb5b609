"""Published prices are read as rows of the catalogue; the file of price sources is validated."""

import json
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from schemas.pointers import value_at
from streams.prices.configured import SourcesError, read_sources
from streams.prices.reading import (
    JsonPrices,
    PointedPrice,
    PriceSourceError,
    TwilioVoice,
)
from streams.prices.sources import AnySource
from tests.support.price_servers import COUNTRY_V1, COUNTRY_V2

NOW = datetime(2026, 6, 1, 12, 30, 1, 999, tzinfo=UTC)
TWILIO = TwilioVoice(name="twilio", url="https://pricing.example/US")


def read(source: AnySource, published: Any) -> dict[str, Decimal]:
    rows = source.rows(json.dumps(published).encode(), NOW)
    assert {row.effective_from for row in rows} == {NOW.replace(microsecond=0)}
    return {f"{row.service} {row.operation} {row.model}": row.price_usd for row in rows}


@pytest.mark.parametrize("published", [COUNTRY_V1, COUNTRY_V2], ids=["v1", "v2"])
def test_voice_prices_of_a_country_are_read(published: Any) -> None:
    assert read(TWILIO, published) == {
        "twilio outbound_call *": Decimal("0.0140"),
        "twilio inbound_call *": Decimal("0.0085"),
    }
    alaska = TwilioVoice(
        name="a", url="https://x", outbound_prefix="1907", inbound_number_type="Toll Free"
    )
    assert read(alaska, published) == {
        "twilio outbound_call *": Decimal("0.090"),
        "twilio inbound_call *": Decimal("0.022"),
    }


@pytest.mark.parametrize("published", [COUNTRY_V1, COUNTRY_V2], ids=["v1", "v2"])
def test_each_destination_of_a_country_has_its_price(published: Any) -> None:
    everywhere = TwilioVoice(name="t", url="https://x", all_destinations=True)
    rows = everywhere.rows(json.dumps(published).encode(), NOW)
    assert {(row.operation, row.conditions.destination): row.price_usd for row in rows} == {
        ("outbound_call", "+1"): Decimal("0.014"),
        ("outbound_call", "+1907"): Decimal("0.09"),
        ("inbound_call", ""): Decimal("0.0085"),
    }


def test_prefix_of_more_than_seven_digits_is_refused() -> None:
    everywhere = TwilioVoice(name="t", url="https://x", all_destinations=True)
    listed = [{"prefixes": ["1", "12345678"], "current_price": "1"}]
    published = json.dumps({**COUNTRY_V2, "outbound_prefix_prices": listed}).encode()
    with pytest.raises(PriceSourceError, match="at most 7 digits"):
        everywhere.rows(published, NOW)


@pytest.mark.parametrize(
    ("changes", "word"),
    [
        ({"price_unit": "EUR"}, "not in USD"),
        ({"price_unit": None}, "price_unit"),
        ({"outbound_prefix_prices": []}, "prefix 1"),
        ({"inbound_call_prices": []}, "local"),
        (
            {"inbound_call_prices": [{"number_type": "local", "current_price": "cheap"}]},
            "current_price",
        ),
        ({"inbound_call_prices": [{"number_type": "local", "current_price": "-1"}]}, "price_usd"),
        ({"inbound_call_prices": [{"number_type": "local"}]}, "current_price"),
        (
            {"outbound_prefix_prices": [{"prefixes": ["1"], "current_price": "1"}] * 2},
            "no single price",
        ),
    ],
)
def test_invalid_country_is_refused(changes: dict[str, Any], word: str) -> None:
    with pytest.raises(PriceSourceError, match=word):
        read(TWILIO, {**COUNTRY_V2, **changes})


@pytest.mark.parametrize("text", [b"", b"<html>", b'{"a": NaN}', b"\xff", b"[" * 100_000, b"[]"])
def test_invalid_json_is_refused(text: bytes) -> None:
    with pytest.raises(PriceSourceError):
        TWILIO.rows(text, NOW)


@given(text=st.binary(max_size=60) | st.text(max_size=60).map(str.encode))
def test_arbitrary_bytes_are_refused(text: bytes) -> None:
    with pytest.raises(PriceSourceError):
        TWILIO.rows(text, NOW)


MODELS = {
    "currency": "usd",
    "models": [{"id": "8b", "in/out": {"a~b": 0.10}}, {"id": "70b", "in/out": {"a~b": "0.60"}}],
}


def pointed(pointer: str, **changes: Any) -> PointedPrice:
    result = {"service": "cerebras", "operation": "inference", "unit": "tokens", **changes}
    return PointedPrice(pointer=pointer, per_units=1_000_000, **result)


def test_prices_are_read_by_json_pointers() -> None:
    source = JsonPrices(
        name="j",
        url="https://x",
        currency_pointer="/currency",
        prices=[
            pointed("/models/0/in~1out/a~0b", model="llama-3.1-8b"),
            pointed("/models/1/in~1out/a~0b", model="llama3.1-70b"),
        ],
    )
    assert read(source, MODELS) == {
        "cerebras inference llama3.1-8b": Decimal("0.1"),
        "cerebras inference llama3.1-70b": Decimal("0.60"),
    }
    with pytest.raises(PriceSourceError, match="not in USD"):
        read(source, {**MODELS, "currency": "eur"})


@pytest.mark.parametrize(
    "pointer", ["x", "/nothing", "/models/7", "/models/x", "/currency/a", "/models", ""]
)
def test_pointer_without_a_price_is_refused(pointer: str) -> None:
    source = JsonPrices(name="j", url="https://x", prices=[pointed(pointer)])
    with pytest.raises(PriceSourceError):
        read(source, MODELS)


def test_json_pointer_follows_the_standard() -> None:
    document = {"foo": ["bar"], "": 0, "a/b": 1, "m~n": 8, "k": {"0": 5}}
    pointers = ("/foo/0", "/", "/a~1b", "/m~0n", "/k/0")
    assert [value_at(document, pointer) for pointer in pointers] == ["bar", 0, 1, 8, 5]
    assert value_at(document, "") == document


GOOD = {"kind": "twilio-voice", "name": "t", "url": "https://x"}


@pytest.mark.parametrize(
    ("content", "word"),
    [
        ("{", "truncated"),
        ({"sources": [{**GOOD, "kind": "magic"}]}, "magic"),
        ({"sources": [{**GOOD, "url": "http://x"}]}, "https"),
        ({"sources": [{**GOOD, "url": "ftp://x"}]}, "https"),
        ({"sources": [{**GOOD, "url": "https://u:p@x"}]}, "passwordFile"),
        ({"sources": [{**GOOD, "username": "u"}]}, "passwordFile"),
        ({"sources": [{**GOOD, "surprise": 1}]}, "surprise"),
        ({"sources": [GOOD, GOOD]}, "unique name"),
        ({"sources": [{**GOOD, "name": ""}]}, "unique name"),
        ({"sources": [{**GOOD, "kind": "json", "prices": []}]}, "no prices"),
        ({}, "sources"),
    ],
)
def test_invalid_sources_file_is_refused(tmp_path: Path, content: Any, word: str) -> None:
    file = tmp_path / "sources.json"
    file.write_text(content if isinstance(content, str) else json.dumps(content))
    with pytest.raises(SourcesError, match=word):
        read_sources(str(file))


def test_missing_sources_file_is_refused(tmp_path: Path) -> None:
    with pytest.raises(SourcesError, match="cannot be read"):
        read_sources(str(tmp_path / "none.json"))


def test_documented_example_can_be_read(tmp_path: Path) -> None:
    page = (Path(__file__).parents[3] / "docs" / "prices.md").read_text(encoding="utf-8")
    example = page.split("```json\n", 1)[1].split("```", 1)[0]
    file = tmp_path / "sources.json"
    file.write_text(example)
    kinds = {type(source) for source in read_sources(str(file))}
    assert kinds == {TwilioVoice, JsonPrices}
