"""Waits between retries: exponential, with jitter, and at least as long as the server asks."""

from __future__ import annotations

import random
from datetime import timezone
from email.utils import parsedate_to_datetime
from time import time
from typing import Final

FIRST_SECONDS: Final = 0.2
LONGEST_SECONDS: Final = 30.0
RETRY_AFTER_SECONDS_MAX: Final = 300.0
_DIGITS_MAX: Final = 9


class Backoff:
    """The waits of one series of failures."""

    def __init__(self) -> None:
        self._failures = 0

    @property
    def failures(self) -> int:
        return self._failures

    def reset(self) -> None:
        self._failures = 0

    def next_seconds(self, asked_seconds: float = 0) -> float:
        """Return the next wait: half of it is random, so that emitters do not retry together."""
        exponent = min(self._failures, 16)
        self._failures += 1
        longest: float = min(LONGEST_SECONDS, FIRST_SECONDS * 2**exponent)
        waited: float = longest * random.uniform(0.5, 1)  # noqa: S311  spreads retries
        return max(waited, min(asked_seconds, RETRY_AFTER_SECONDS_MAX))


def retry_after_seconds(header: str | None) -> float:
    """Return the seconds of a `Retry-After` header, a number or a date; 0 if it is not valid."""
    if header is None:
        return 0
    text = header.strip()
    if text.isascii() and text.isdigit():
        return float(text) if len(text) <= _DIGITS_MAX else RETRY_AFTER_SECONDS_MAX
    try:
        moment = parsedate_to_datetime(text)
        if moment.tzinfo is None:
            moment = moment.replace(tzinfo=timezone.utc)
        return max(0.0, moment.timestamp() - time())
    except Exception:  # the parser of the library raises many errors for what is no date
        return 0
