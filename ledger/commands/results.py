"""The results of attempts, and when an attempt is repeated: rules without a clock or a network."""

from __future__ import annotations

import random
from typing import Final, NamedTuple

from schemas.commands import CommandOutcome

_DELAYS_MS: Final = (1_000, 2_000, 4_000, 8_000, 15_000, 30_000)
_JITTER_PERCENT: Final = 20


class CommandResult(NamedTuple):
    """The result of an attempt, and its receiver.

    `status` is that of the response, None if there was none. `retry_after_seconds` is the wait that
    the receiver requests.
    """

    outcome: CommandOutcome
    target: str | None = None
    status: str | None = None
    error: str | None = None
    retry_after_seconds: int | None = None


def retry_delay_ms(number: int, retry_after_seconds: int | None) -> int:
    """Return the delay after the failed attempt `number`, the first being 1.

    It grows up to 30 s, because each second of a call costs, and is never shorter than the receiver
    requested. Jitter spreads commands that failed together.
    """
    delay_ms = _DELAYS_MS[min(number, len(_DELAYS_MS)) - 1]
    jitter_ms = random.randint(0, delay_ms * _JITTER_PERCENT // 100)  # noqa: S311 - no secret
    return max(delay_ms + jitter_ms, (retry_after_seconds or 0) * 1_000)
