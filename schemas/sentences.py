"""Amounts, shares, services and days as people read them, for sentences.

Exact figures stay in the fields beside a sentence. The dashboard formats its own texts the same way
(web/src/format).
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, timedelta
from decimal import Decimal
from typing import Final

from schemas.exact import exact_text
from schemas.money import NANO_PER_USD, half_even, significant, usd_text

_CENT_NANO: Final = NANO_PER_USD // 100
_SMALL_DIGITS: Final = 2
_SERVICES: Final[Mapping[str, str]] = {
    "twilio": "Twilio",
    "deepgram": "Deepgram",
    "cerebras": "Cerebras",
    "elevenlabs": "ElevenLabs",
    "openai": "OpenAI",
    "raindrop": "Raindrop",
    "vultr": "Vultr",
    "vercel": "Vercel",
    "stripe": "Stripe",
}


def dollars(nano: int) -> str:
    """Return nano-dollars as `$1,234.50`; below ten cents with two significant digits."""
    if nano < 0:
        return "-" + dollars(-nano)
    if nano >= 10 * _CENT_NANO:
        return f"${Decimal(half_even(nano, _CENT_NANO)).scaleb(-2):,.2f}"
    small = Decimal(significant(nano, _SMALL_DIGITS)).scaleb(-9)
    whole, _, fraction = f"{small:f}".partition(".")
    return f"${whole}.{fraction.rstrip('0').ljust(2, '0')}"


def exact_dollars(nano: int) -> str:
    """Return nano-dollars as `$1,234.50`, with all their decimals and at least two."""
    if nano < 0:
        return "-" + exact_dollars(-nano)
    whole, _, fraction = usd_text(nano).partition(".")
    return f"${int(whole):,}.{fraction.ljust(2, '0')}"


def number_text(value: Decimal) -> str:
    """Return an exact number with thousands separators."""
    return f"{Decimal(exact_text(value)):,f}"


def percentage(value: Decimal) -> str:
    """Return an exact percentage such as `50%`."""
    return f"{exact_text(value)}%"


def whole_percent(part: int, whole: int) -> str:
    """Return part ÷ whole as a rounded percentage; `0%` if the whole is zero."""
    return f"{half_even(part * 100, whole) if whole > 0 else 0}%"


def times(part: int, whole: int) -> str:
    """Return the factor part ÷ whole with a multiplication sign; one decimal below ten."""
    tenths = half_even(10 * part, whole)
    factor = Decimal(tenths).scaleb(-1) if tenths < 100 else Decimal(half_even(tenths, 10))
    return f"{exact_text(factor)}\N{MULTIPLICATION SIGN}"


def duration(time: timedelta) -> str:
    """Return a duration as `2 minutes 5 seconds`, from an hour on as `4 hours 1 minute`."""
    seconds = time // timedelta(seconds=1)
    parts = (("hour", seconds // 3600), ("minute", seconds // 60 % 60), ("second", seconds % 60))
    shown = [(name, count) for name, count in (parts if seconds < 3600 else parts[:2]) if count]
    texts = [f"{count} {name}" if count == 1 else f"{count} {name}s" for name, count in shown]
    return " ".join(texts) or "0 seconds"


def service_name(service: str) -> str:
    """Return a service in its own spelling; unknown services with a capital letter."""
    return _SERVICES.get(service) or service[:1].upper() + service[1:]


def day_name(day: date) -> str:
    """Return a day such as `November 29, 2026`."""
    return f"{day:%B} {day.day}, {day.year}"


def month_name(month: date) -> str:
    """Return a day's month such as `November 2026`."""
    return f"{month:%B} {month.year}"
