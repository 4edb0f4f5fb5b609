"""How long an outbox's entries waited from their commit to Kafka's acknowledgement."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from datetime import datetime, timedelta
from typing import Final, Literal, TypeAlias

OutboxName = Literal["totals", "messages"]

OnPublished: TypeAlias = Callable[[OutboxName, int], None]
"""Called with the delay in milliseconds of the oldest entry of a round that was published."""

_MILLISECOND: Final = timedelta(milliseconds=1)


def ignore_delay(outbox: OutboxName, delay_ms: int) -> None:
    """Do nothing: for publishers without a meter."""


def oldest_delay_ms(committed: Iterable[datetime], now: datetime) -> int:
    """Return the age of the oldest entry in milliseconds; 0 if its time is in the future."""
    return max(0, (now - min(committed)) // _MILLISECOND)
