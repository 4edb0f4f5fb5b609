"""When a notice is tried again and when it is given up: rules without a clock or a network."""

from __future__ import annotations

import random
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final, Literal, NamedTuple

from schemas.notices import ChannelType

Verdict = Literal["delivered", "temporary", "permanent", "gone"]
"""What an attempt came to; `gone` means that the address itself is no use any more."""

ERROR_CHARACTERS_MAX: Final = 500
RETRY_AFTER_SECONDS_MAX: Final = 24 * 3_600
PAUSE_MS_MAX: Final = 5 * 60_000
_JITTER_PERCENT: Final = 20


class DeliveryResult(NamedTuple):
    """What an attempt came to; `retry_after_seconds` is when the receiver wants the next one."""

    verdict: Verdict
    status: str | None = None
    error: str | None = None
    retry_after_seconds: int | None = None


class NextAttempt(NamedTuple):
    """What follows a failed attempt: the next one in `delay_ms`, or None to give up.

    Nothing else is tried at the channel for `pause_ms`.
    """

    delay_ms: int | None
    pause_ms: int = 0


@dataclass(frozen=True, slots=True)
class RetrySchedule:
    """The waits before the second attempt, the third, and so on; after the last one it is over."""

    delays_ms: tuple[int, ...]

    @property
    def attempts_max(self) -> int:
        """How often a delivery is tried."""
        return len(self.delays_ms) + 1

    def step(self, number: int, failures: int, result: DeliveryResult) -> NextAttempt:
        """Say what follows attempt `number`, the first being 1, which has failed.

        `failures` is how many attempts at the channel had failed in a row before. Waits are made
        longer at random by up to a fifth, so that receivers that failed together are not called
        together, and as long as the receiver asked for.
        """
        if result.verdict in {"permanent", "gone"} or number >= self.attempts_max:
            return NextAttempt(None)
        asked_ms = min(result.retry_after_seconds or 0, RETRY_AFTER_SECONDS_MAX) * 1_000
        pause_ms = self.delays_ms[min(failures, len(self.delays_ms) - 1)]
        return NextAttempt(
            max(_jittered(self.delays_ms[number - 1]), asked_ms),
            max(min(pause_ms, PAUSE_MS_MAX), asked_ms),
        )


def _jittered(delay_ms: int) -> int:
    return delay_ms + random.randint(0, delay_ms * _JITTER_PERCENT // 100)  # noqa: S311 - no secret


_SECOND: Final = 1_000
_MINUTE: Final = 60 * _SECOND
_HOUR: Final = 60 * _MINUTE

_WEBHOOK: Final = RetrySchedule(
    (
        5 * _SECOND,
        5 * _MINUTE,
        30 * _MINUTE,
        2 * _HOUR,
        5 * _HOUR,
        10 * _HOUR,
        14 * _HOUR,
        20 * _HOUR,
        24 * _HOUR,
    )
)
_PROVIDER: Final = RetrySchedule(
    (30 * _SECOND, 2 * _MINUTE, 10 * _MINUTE, 30 * _MINUTE, 2 * _HOUR, 6 * _HOUR)
)

SCHEDULES: Final[Mapping[ChannelType, RetrySchedule]] = {
    "webhook": _WEBHOOK,
    "email": _PROVIDER,
    "sms": _PROVIDER,
}
"""Webhooks: as Standard Webhooks recommends, over three days. Mail and SMS: within nine hours,
because our own provider is what fails then, and old news is worth less to a person."""


def printable(text: str, *hidden: str | None) -> str:
    """Return an error as it may be kept: one line, cut, without the texts that are to be hidden."""
    for secret in hidden:
        if secret:
            text = text.replace(secret, "…")
    return one_line(text)[:ERROR_CHARACTERS_MAX]


def one_line(text: str) -> str:
    """Return a text on one line, with a space for whatever is not seen or moves what is seen."""
    printable = "".join(letter if letter.isprintable() else " " for letter in text)
    return " ".join(printable.split())


def retry_after_seconds(header: str | None) -> int | None:
    """Return the seconds that a `Retry-After` header asks for; dates are not honoured."""
    text = (header or "").strip()
    return int(text) if text.isascii() and text.isdigit() and len(text) <= 9 else None
