"""Reads the price list of the library LiteLLM, `model_prices_and_context_window.json`.

Pure functions: text in, rows of the catalogue out. The list has current prices without dates, so
its rows are in force from a given time. Numbers are read as decimals from the text. Prices that
cannot be read exactly are left out and counted by reason.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Collection, Iterator, Mapping
from datetime import date, datetime
from decimal import Decimal
from typing import Any, Final

from ledger.prices.rows import InvalidPriceError, PriceRow, price_row
from schemas.jsonio import wire_name
from streams.prices.reading import (
    ConfiguredSource,
    PriceCollector,
    PriceListResult,
    PriceSourceError,
    decode_json,
)

_MODES: Final = {
    "chat": "inference",
    "completion": "inference",
    "responses": "inference",
    "realtime": "inference",
    "embedding": "embedding",
    "audio_transcription": "stt",
    "audio_speech": "tts",
}
"""The operation of each mode; other modes are left out."""

_UNITS: Final = {
    "input_cost_per_token": "input_tokens",
    "output_cost_per_token": "output_tokens",
    "output_cost_per_reasoning_token": "reasoning_tokens",
    "cache_read_input_token_cost": "cached_input_tokens",
    "cache_creation_input_token_cost": "cache_write_tokens",
    "cache_creation_input_token_cost_above_1hr": "cache_write_1h_tokens",
    "input_cost_per_audio_token": "input_audio_tokens",
    "cache_read_input_audio_token_cost": "cached_input_audio_tokens",
    "output_cost_per_audio_token": "output_audio_tokens",
    "input_cost_per_character": "characters",
}
_TIERS: Final = {"": "", "_batches": "batch", "_flex": "flex", "_priority": "priority"}
_figure: Final = re.compile(
    rf"({'|'.join(sorted(_UNITS, key=len, reverse=True))})(?:_above_(\d+)k_tokens)?"
    rf"({'|'.join(name for name in _TIERS if name)})?"
).fullmatch
_is_figure: Final = re.compile(r".*(_cost|cost_per_).*|.*_pricing").fullmatch

_PER: Final = {"characters": 1_000}
_TOKENS_PER_PRICE: Final = 1_000_000
_PUBLISHED_DECIMALS_MAX: Final = 4
_ADD_ON: Final = ("add-on", "may differ")
"""Texts in the metadata of entries that are no complete price."""
_STREAMING: Final = "streaming/"
_SAMPLE: Final = "sample_spec"
"""An entry that describes the fields."""

_Fields = dict[str, str]


class LiteLlmPrices(
    ConfiguredSource, kw_only=True, frozen=True, rename=wire_name, tag_field="kind", tag="litellm"
):
    """The list as a source: the prices of some `services` (LiteLLM's providers), or of all."""

    services: tuple[str, ...] = ()

    def rows(self, text: bytes, at: datetime) -> list[PriceRow]:
        """Return the prices in a list, in force from `at` on; raises PriceSourceError."""
        since = at.replace(microsecond=0)
        return read_litellm(text, since, source=self.name, services=self.services).rows


def read_litellm(
    text: bytes, at: datetime, *, source: str, services: Collection[str] = ()
) -> PriceListResult:
    """Return the prices of a list, in force from `at` on, of some services or of all.

    Raises PriceSourceError for a text that is not such a list.
    """
    entries = decode_json(text)
    if not isinstance(entries, dict):
        raise PriceSourceError("it is not an object of models")
    collector = PriceCollector()
    for name, entry in entries.items():
        if not isinstance(entry, dict):
            raise PriceSourceError(f"{name:.80} is not an object")
        if name == _SAMPLE or (services and entry.get("litellm_provider") not in services):
            continue
        if not isinstance(entry.get("litellm_provider"), str):
            collector.left_out["models without litellm_provider"] += 1
            continue
        collector.add(list(_rows(name, entry, at, source, collector.left_out)))
    return collector.prices(services)


def _rows(
    name: str, entry: Mapping[str, Any], at: datetime, source: str, left_out: Counter[str]
) -> Iterator[PriceRow]:
    """Yield the rows of a model."""
    common = _common_fields(name, entry, source)
    retired = entry.get("deprecation_date")
    if retired is not None and not common["retires_on"]:
        left_out["days of retirement that cannot be read"] += 1
    reason = _reason_to_leave_out(entry, common)
    if reason is not None:
        left_out[reason] += 1
        return
    for fields in _priced(entry, left_out):
        try:
            yield price_row({**common, **fields, "effective_from": at.isoformat()}, source=source)
        except InvalidPriceError:
            left_out["values that are not valid in the catalogue"] += 1


def _reason_to_leave_out(entry: Mapping[str, Any], common: _Fields) -> str | None:
    if not common["operation"]:
        return f"models of the mode {entry.get('mode') or '(none)'}"
    if "tiered_pricing" in entry or "off_peak_pricing" in entry:
        return "models with their own table of prices"
    if any(word in str(entry.get("metadata")) for word in _ADD_ON):
        return "add-ons and uncertain prices"
    return None


def _common_fields(name: str, entry: Mapping[str, Any], source: str) -> _Fields:
    """Return service, operation and model, where the price was published, and the retirement."""
    service = entry["litellm_provider"]
    model = name.removeprefix(f"{service}/")
    operation = _MODES.get(str(entry.get("mode")), "")
    if service == "deepgram" and operation == "stt":
        # Both rates of a model are in the list, of which only the streaming one is marked.
        is_streaming = model.startswith(_STREAMING)
        operation = "streaming_stt" if is_streaming else "prerecorded_stt"
        model = model.removeprefix(_STREAMING)
    published = entry.get("source")
    sources = [source, published if isinstance(published, str) else ""]
    return {
        "service": service,
        "operation": operation,
        "model": model,
        "source": ", ".join(filter(None, sources)),
        "retires_on": _day(entry.get("deprecation_date")),
    }


def _day(value: object) -> str:
    """Return a day as `2026-01-31`; empty if there is none."""
    try:
        return date.fromisoformat(value).isoformat() if isinstance(value, str) else ""
    except ValueError:
        return ""


def _priced(entry: Mapping[str, Any], left_out: Counter[str]) -> Iterator[_Fields]:
    """Yield unit, price and conditions of each figure of a model."""
    duration = _duration_price(entry)
    if duration is not None:
        yield duration
    for key, value in entry.items():
        if not _is_figure(key) or key.startswith("original_"):
            continue
        amount = _decimal(value)
        if amount == 0:
            continue  # also where a vendor does not sell the unit
        if key in {"input_cost_per_second", "output_cost_per_second"}:
            if duration is None:
                left_out["rounded rates per second"] += 1
            continue
        found = _figure(key)
        if found is None or amount is None:
            left_out["figures for units or tiers that are not known"] += 1
            continue
        base, thousands, tier = found.groups()
        unit = _UNITS[base]
        per = _PER.get(unit, _TOKENS_PER_PRICE)
        yield {
            "unit": unit,
            "price_usd": f"{(amount * per).normalize():f}",
            "per_units": str(per),
            "tier": _TIERS[tier or ""],
            "input_size_above": f"{thousands}000" if thousands else "",
        }


def _duration_price(entry: Mapping[str, Any]) -> _Fields | None:
    """Return the published price of a minute or an hour; None if it is not known exactly.

    The rate per second is often rounded. It counts as exact if the minute or the hour then has a
    price of at most `_PUBLISHED_DECIMALS_MAX` decimals.
    """
    metadata = entry.get("metadata")
    original = metadata if isinstance(metadata, dict) else {}
    for name, minutes in (("minute", 1), ("hour", 60)):
        published = _decimal(original.get(f"original_pricing_per_{name}"))
        if published:
            return _per_minutes(published, minutes)
    rates = [_decimal(entry.get(f"{way}_cost_per_second")) for way in ("input", "output")]
    charged = [rate for rate in rates if rate]
    if len(charged) != 1:
        return None
    for minutes in (1, 60):
        price = (charged[0] * 60 * minutes).normalize()
        if -int(price.as_tuple().exponent) <= _PUBLISHED_DECIMALS_MAX:
            return _per_minutes(price, minutes)
    return None


def _per_minutes(price: Decimal, minutes: int) -> _Fields:
    return {"unit": "minutes", "price_usd": f"{price:f}", "per_units": str(minutes)}


def _decimal(value: object) -> Decimal | None:
    """Return the exact value of a number or numeric text, else None."""
    if isinstance(value, bool) or not isinstance(value, int | Decimal | str):
        return None
    try:
        return Decimal(value)
    except ArithmeticError:
        return None
