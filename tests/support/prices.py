"""The documented default prices, and price catalogs for tests."""

from collections.abc import Iterable
from datetime import UTC, datetime
from decimal import Decimal
from typing import NamedTuple

from ledger.charge_plans.plans import ChargePlan
from ledger.prices.catalogue import Catalogue, Price, ServiceClass
from ledger.prices.increments import NO_INCREMENTS, Increments

ALWAYS = datetime(2020, 1, 1, tzinfo=UTC)


class SamplePrice(NamedTuple):
    """A price: `usd` per `per` units, with billing increments (minimum, increment) in seconds."""

    service: str
    operation: str
    model: str
    unit: str
    usd: str
    per: int = 1
    kind: ServiceClass = "api"
    since: datetime = ALWAYS
    increments: Increments = NO_INCREMENTS


DEFAULTS = (
    SamplePrice("twilio", "outbound_call", "*", "minutes", "0.014"),
    SamplePrice("twilio", "inbound_call", "*", "minutes", "0.0085"),
    SamplePrice("deepgram", "streaming_stt", "nova-2", "minutes", "0.0059"),
    SamplePrice("deepgram", "streaming_stt", "", "minutes", "0.0059"),
    SamplePrice("deepgram", "prerecorded_stt", "nova-2", "minutes", "0.0043"),
    SamplePrice("deepgram", "prerecorded_stt", "", "minutes", "0.0043"),
    SamplePrice("cerebras", "inference", "llama3.1-8b", "tokens", "0.10", 1_000_000),
    SamplePrice("cerebras", "inference", "llama3.1-70b", "tokens", "0.60", 1_000_000),
    SamplePrice("cerebras", "inference", "llama3.1-405b", "input_tokens", "6.00", 1_000_000),
    SamplePrice("cerebras", "inference", "llama3.1-405b", "output_tokens", "12.00", 1_000_000),
    SamplePrice("elevenlabs", "tts", "eleven_turbo_v2_5", "characters", "0.15", 1_000),
    SamplePrice("elevenlabs", "tts", "*", "characters", "0.30", 1_000),
    SamplePrice("openai", "inference", "gpt-4-turbo", "input_tokens", "10.00", 1_000_000),
    SamplePrice("openai", "inference", "gpt-4-turbo", "output_tokens", "30.00", 1_000_000),
    SamplePrice("raindrop", "share", "*", "calls", "20", 1_000, "infrastructure"),
    SamplePrice("vultr", "share", "*", "calls", "10", 1_000, "infrastructure"),
    SamplePrice("vercel", "share", "*", "calls", "5", 1_000, "infrastructure"),
    SamplePrice("stripe", "fee", "*", "usd", "2.9", 100, "transaction"),
    SamplePrice("stripe", "fee", "*", "charges", "0.30", 1, "transaction"),
    SamplePrice("call", "charge", "*", "calls", "4.99", 1, "revenue"),
)


def catalogue(
    rows: Iterable[SamplePrice] = DEFAULTS, plans: Iterable[ChargePlan] = ()
) -> Catalogue:
    """Return a catalogue of rows whose ids are their positions, counted from 1."""
    prices = (
        Price(
            number,
            row.service,
            row.kind,
            row.operation,
            row.model,
            row.unit,
            Decimal(row.usd),
            row.per,
            row.since,
            increments=row.increments,
        )
        for number, row in enumerate(rows, 1)
    )
    return Catalogue(prices, plans)
