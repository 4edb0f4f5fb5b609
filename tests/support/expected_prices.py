"""The expected cost of a usage by the documented rules, in fractions of a dollar."""

from collections.abc import Sequence
from datetime import UTC, datetime
from fractions import Fraction
from typing import Any

from tests.support.events import Plain
from tests.support.prices import DEFAULTS, SamplePrice

_ALIASES = {
    "twilio": {
        "voice_call": "outbound_call",
        "voice_outbound": "outbound_call",
        "voice": "outbound_call",
    },
    "deepgram": {"stt_streaming": "streaming_stt", "transcription": "streaming_stt"},
    "cerebras": {"chat_completion": "inference", "extraction": "inference"},
    "elevenlabs": {"tts_generation": "tts", "tts_streaming": "tts"},
}
_CONVERTIBLE = {
    "seconds": [("minutes", Fraction(1, 60))],
    "minutes": [("seconds", Fraction(60))],
    "input_tokens": [("tokens", Fraction(1))],
    "cached_input_tokens": [("tokens", Fraction(1))],
    "cache_write_tokens": [("tokens", Fraction(1))],
    "cache_write_1h_tokens": [("tokens", Fraction(1))],
    "output_tokens": [("tokens", Fraction(1))],
    "reasoning_tokens": [("output_tokens", Fraction(1)), ("tokens", Fraction(1))],
}


def nano(dollars: Fraction) -> int:
    """Return dollars as nano-dollars, rounded half to even."""
    return round(dollars * 10**9)


def cost_nano(event: Plain, prices: Sequence[SamplePrice] = DEFAULTS) -> int | None:
    """Return the amount of a recorded cost, or None without a price."""
    data, at = event["data"], time_of(event)
    if data.get("totalCost") is not None:
        return nano(dollars(data["totalCost"]))
    if data.get("usages") is not None:
        parts = [
            cost_nano({**event, "data": {**data, "usages": None, **single(usage)}}, prices)
            for usage in data["usages"]
        ]
        return None if None in parts else sum(part or 0 for part in parts)
    priced = price_of(data, at, prices)
    price = priced and priced[0]
    if price is None and data.get("unitCost") is not None:
        price = dollars(data["unitCost"])
    return None if price is None else nano(Fraction(str(data["usage"])) * price)


def single(usage: dict[str, Any]) -> dict[str, Any]:
    """Return a quantity of a request as the fields of a cost with a single usage."""
    return {"unit": usage["unit"], "usage": usage["quantity"]}


def dollars(number: object) -> Fraction:
    """Return an exact number of dollars."""
    return Fraction(str(number))


def price_of(
    data: dict[str, Any], at: datetime, prices: Sequence[SamplePrice]
) -> tuple[Fraction, SamplePrice] | None:
    """Return dollars per unit and the row: an exact model and the unit as sent come first."""
    service, unit = data["service"], data["unit"]
    if (data.get("priceContext") or {}).get("tier", "standard") != "standard":
        return None  # these rows are of the standard tier
    operation = operation_of(data)
    units = [(unit, Fraction(1)), *_CONVERTIBLE.get(unit, [])]
    for model in (model_of(data), "*"):
        for known_unit, factor in units:
            in_force = [
                row
                for row in prices
                if (row.service, row.operation, row.model, row.unit)
                == (service, operation, model, known_unit)
                and row.since <= at
            ]
            if in_force:
                newest = max(in_force, key=lambda row: row.since)
                return Fraction(newest.usd) / newest.per * factor, newest
    return None


def operation_of(data: dict[str, Any]) -> str:
    """Return the standard name of an operation."""
    operation: str = data["operation"].strip().lower().replace("-", "_")
    return _ALIASES.get(data["service"], {}).get(operation, operation)


def model_of(data: dict[str, Any]) -> str:
    """Return the standard name of a model, empty for none."""
    named = data.get("model")
    if named is None and isinstance(data.get("metadata"), dict):
        named = data["metadata"].get("model")
    return (named or "").strip().lower().replace("llama-3", "llama3")


def time_of(event: Plain) -> datetime:
    """Return the time of an event, in UTC."""
    time = event["time"]
    return (time if isinstance(time, datetime) else datetime.fromisoformat(time)).astimezone(UTC)
