"""The list of genai-prices is read exactly: tiers, sizes, hours, history; or left out."""

import json
import sys
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from ledger.prices.catalogue import Catalogue, Price
from ledger.prices.rows import PriceRow
from schemas.events import PriceContext
from streams.prices.configured import read_sources
from streams.prices.genai_prices import read_genai_prices
from streams.prices.genai_source import GenAiPrices
from streams.prices.reading import PriceListResult, PriceSourceError, decode_json

AT = datetime(2026, 11, 30, 12, tzinfo=UTC)
BEGIN = datetime(2000, 1, 1, tzinfo=UTC)

CLAUDE = {
    "id": "claude-opus",
    "match": {"starts_with": "claude-opus"},
    "deprecated": True,
    "prices": [
        {"prices": {
            "input_mtok": {"base": 5, "tiers": [{"start": 200000, "price": 10}]},
            "cache_read_mtok": 0.5, "cache_write_mtok": 6.25, "output_mtok": 25}},
        {"constraint": {"start_date": "2026-03-13"}, "prices": {
            "input_mtok": 5, "cache_read_mtok": 0.5, "cache_write_mtok": 6.25, "output_mtok": 25,
            "web_searches_kcount": 10}},
    ],
    "price_variants": [
        {"when": {"processing": "batch"}, "constraint": {"start_date": "2026-10-14"},
         "prices": {"input_mtok": 2.5, "output_mtok": 12.5}},
        {"when": {"service_tier": "default"}, "prices": {}},
        {"when": {"route": "eu"}, "prices": {"input_mtok": 6}},
    ],
}  # fmt: skip
REALTIME = {
    "id": "gpt-realtime",
    "match": {"equals": "gpt-realtime"},
    "prices": {"input_mtok": 4, "cache_read_mtok": 0.4, "output_mtok": 16, "input_audio_mtok": 32,
               "cache_audio_read_mtok": 0.4, "output_audio_mtok": 64, "input_image_mtok": 5},
}  # fmt: skip
OFF_PEAK = {
    "id": "deepseek-chat",
    "match": {"equals": "deepseek-chat"},
    "prices": [
        {"prices": {"input_mtok": 0.135, "output_mtok": 0.55}},
        {"constraint": {"start_time": "00:30:00Z", "end_time": "16:30:00Z"},
         "prices": {"input_mtok": 0.27, "output_mtok": 1.1}},
    ],
}  # fmt: skip


def provider(name: str, *models: dict[str, Any], **more: Any) -> dict[str, Any]:
    return {"id": name, "name": name, "pricing_urls": ["https://price.page"], "models": [*models],
            **more}  # fmt: skip


def read(*providers: dict[str, Any], services: tuple[str, ...] = ()) -> PriceListResult:
    published = decode_json(json.dumps(providers).encode())
    return read_genai_prices(published, AT, source="list", services=services)


def prices(rows: list[PriceRow]) -> set[tuple[str, str, Decimal, datetime]]:
    return {
        (row.unit, str(row.conditions), row.price_usd / row.per_units * 10**6, row.effective_from)
        for row in rows
        if row.effective_from != AT
    }


def test_history_sizes_and_tiers_are_read() -> None:
    found = read(provider("anthropic", CLAUDE))
    start, batch = datetime(2026, 3, 13, tzinfo=UTC), datetime(2026, 10, 14, tzinfo=UTC)
    large = "above 200000 input tokens"
    assert prices(found.rows) == {
        ("input_tokens", "", Decimal(5), BEGIN),
        ("input_tokens", large, Decimal(10), BEGIN),
        ("input_tokens", large, Decimal(5), start),  # ends the price of large requests
        ("input_tokens", "batch tier", Decimal("2.5"), batch),
        ("cached_input_tokens", "", Decimal("0.5"), BEGIN),
        ("cached_input_tokens", "batch tier", Decimal("0.5"), batch),
        ("cache_write_tokens", "", Decimal("6.25"), BEGIN),
        ("cache_write_tokens", "batch tier", Decimal("6.25"), batch),
        ("output_tokens", "", Decimal(25), BEGIN),
        ("output_tokens", "batch tier", Decimal("12.5"), batch),
        ("searches", "", Decimal(10_000), start),
        ("searches", "batch tier", Decimal(10_000), batch),
    }
    assert found.left_out == {"prices under conditions that are not known": 1}
    row = found.rows[0]
    assert (row.service, row.operation, row.model) == ("anthropic", "inference", "claude-opus")
    assert (row.source, row.is_deprecated) == ("list, https://price.page", True)


def test_audio_is_priced_apart_from_text_and_images_are_left_out() -> None:
    found = read(provider("openai", REALTIME))
    assert {(row.unit, row.price_usd) for row in found.rows} == {
        ("input_tokens", Decimal(4)), ("cached_input_tokens", Decimal("0.4")),
        ("output_tokens", Decimal(16)), ("input_audio_tokens", Decimal(32)),
        ("cached_input_audio_tokens", Decimal("0.4")), ("output_audio_tokens", Decimal(64)),
    }  # fmt: skip
    assert found.left_out == {"figures for units that are not known": 1}


def catalogue(rows: list[PriceRow]) -> Catalogue:
    return Catalogue(
        Price(number, *row[:8], row.conditions) for number, row in enumerate(rows, start=1)
    )


def test_hours_of_the_day_are_conditions() -> None:
    tariff = catalogue(read(provider("deepseek", OFF_PEAK)).rows).tariff(
        "deepseek", "inference", "deepseek-chat", "output_tokens"
    )
    for time, usd in ((AT, "1.1"), (AT.replace(hour=17), "0.55"), (AT.replace(hour=0), "0.55")):
        rate = tariff.at(time + timedelta(days=1))
        assert rate is not None
        assert rate.cost_nano(10**6) == Decimal(usd) * 10**9


@pytest.mark.parametrize("tier", ["flex", "turbo", "batch"])
def test_an_unknown_tier_has_no_price(tier: str) -> None:
    tariff = catalogue(read(provider("anthropic", CLAUDE)).rows).tariff(
        "anthropic", "inference", "claude-opus", "input_tokens"
    )
    before = datetime(2026, 10, 13, tzinfo=UTC)  # when the list had no price of the batch tier
    assert tariff.at(before, PriceContext(tier=tier)) is None
    assert (tariff.at(AT, PriceContext(tier=tier)) is None) == (tier != "batch")


def test_models_of_other_services_are_sold_without_their_tiers() -> None:
    found = read(
        provider("anthropic", CLAUDE),
        provider("azure", fallback_model_providers=["anthropic"]),
        services=("azure",),
    )
    assert {row.service for row in found.rows} == {"azure"}
    assert {row.conditions.tier for row in found.rows} == {""}


def model(prices: Any, name: str = "m") -> dict[str, Any]:
    return {"id": name, "match": {"equals": name}, "prices": prices}


def test_a_model_has_rows_under_the_names_that_rules_do_not_derive() -> None:
    texts = [
        "anthropic.claude-5",
        "eu.anthropic.claude-5",
        "anthropic.claude-5-v1:0",
        "claude-five",
    ]
    match = {"or": [{"equals": texts[0]}, *({"starts_with": text} for text in texts[1:])]}
    regional = {"id": "regional.claude-5", "match": match, "prices": {"output_mtok": 1}}
    other = {"id": "claude-6", "match": {"or": [{"equals": "claude-6"}, {"equals": "claude-five"}]},
             "prices": {"output_mtok": 2}}  # fmt: skip
    found = read(provider("aws", regional, other))
    assert {(row.model, row.price_usd) for row in found.rows} == {
        ("anthropic.claude-5", Decimal(1)), ("claude-five", Decimal(1)), ("claude-6", Decimal(2)),
    }  # fmt: skip


WINDOWS = [{"constraint": {"start_time": start, "end_time": end}, "prices": {"input_mtok": 1}}
           for start, end in (("01:00:00Z", "03:00:00Z"), ("02:00:00Z", "04:00:00Z"))]  # fmt: skip


@pytest.mark.parametrize(
    ("service", "left_out", "reason"),
    [
        ("x", model({}), "models without prices"),
        ("x", model({"input_text_mtok": 1, "input_mtok": 1}), "models with prices that are not known"),
        ("x", model({"input_mtok": "dear"}), "models in a form that is not known"),
        ("x", model([{"prices": {"input_mtok": 1}, "constraint": {"moon": "full"}}]),
         "models in a form that is not known"),
        ("x", model([{"prices": {"input_mtok": 1}}, *WINDOWS]), "models with hours that overlap"),
        ("x", model({"input_mtok": -1}), "values that are not valid in the catalogue"),
        ("groq", model({"audio_hours": 0.111}), "models with a minimum for each request"),
        ("x", model([{"prices": {"web_searches_kcount": 1}},
                     {"constraint": {"start_date": "2026-01-01"}, "prices": {"input_mtok": 1}}]),
         "units whose price ends"),
    ],
)  # fmt: skip
def test_what_is_not_exact_is_left_out_and_counted(
    service: str, left_out: dict[str, Any], reason: str
) -> None:
    found = read(provider(service, left_out, model({"output_mtok": 1}, "other")))
    assert reason in found.left_out
    assert {row.unit for row in found.rows if row.model == "m"} <= {
        "input_tokens", "cached_input_tokens"
    }  # fmt: skip


@pytest.mark.parametrize("text", [b"", b"{}", b"[1]", b'[{"id": 1}]', b"[]", b"\xff"])
def test_another_text_is_refused(text: bytes) -> None:
    with pytest.raises(PriceSourceError):
        read_genai_prices(decode_json(text), AT, source="list")


def test_the_list_is_a_source_for_the_daily_refresh(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    kind = {"kind": "genai-prices", "services": ["openai"]}
    file = tmp_path / "sources.json"
    sources = [{**kind, "name": "packaged"}, {**kind, "name": "ours", "url": "https://x/data.json"}]
    file.write_text(json.dumps({"sources": sources}))
    packaged, ours = read_sources(str(file))
    text = json.dumps([provider("openai", REALTIME), provider("anthropic", CLAUDE)]).encode()
    assert {row.service for row in ours.rows(text, AT)} == {"openai"}
    for name in ("genai_prices", "genai_prices.data"):
        monkeypatch.setitem(sys.modules, name, None)
    with pytest.raises(PriceSourceError, match=r"pip install 'cost-analytics\[genai-prices\]'"):
        packaged.rows(b"", AT)
    assert isinstance(packaged, GenAiPrices)
