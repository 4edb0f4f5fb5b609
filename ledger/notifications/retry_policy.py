"""When deliveries are retried and when they fail, and the errors that are stored of them."""

from __future__ import annotations

import random
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final, Literal, NamedTuple

from schemas.notices import ChannelType

Verdict = Literal["delivered", "temporary", "permanent", "gone"]
"""The outcome of an attempt; `gone` means that the address itself is no longer valid."""

ERROR_CHARACTERS_MAX: Final = 500
RETRY_AFTER_SECONDS_MAX: Final = 24 * 3_600
PAUSE_MS_MAX: Final = 5 * 60_000
_JITTER_PERCENT: Final = 20


class DeliveryResult(NamedTuple):
    """The result of an attempt; `retry_after_seconds` is the receiver's requested wait."""

    verdict: Verdict
    status: str | None = None
    error: str | None = None
    retry_after_seconds: int | None = None


class NextAttempt(NamedTuple):
    """The next attempt in `delay_ms`, None for no further one.

    Until `pause_ms` have passed, the channel gets no other messages.
    """

    delay_ms: int | None
    pause_ms: int = 0


@dataclass(frozen=True, slots=True)
class RetrySchedule:
    """The delays before the second attempt, the third, and so on; then the delivery fails."""

    delays_ms: tuple[int, ...]

    @property
    def attempts_max(self) -> int:
        """The maximum number of attempts."""
        return len(self.delays_ms) + 1

    def step(self, number: int, failures: int, result: DeliveryResult) -> NextAttempt:
        """Return the attempt after the failed attempt `number`, the first being 1.

        `failures` is the number of the channel's consecutive failures before. A delay is at least
        as long as the receiver requested, and gets up to a fifth of jitter, so that receivers that
        failed together are not retried together.
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
    "slack": _PROVIDER,
    "discord": _PROVIDER,
    "teams": _PROVIDER,
}
"""Webhooks are retried for three days, as Standard Webhooks recommends. All others are retried for
nine hours: usually the provider fails, and old messages are of little use to people."""


def storable_error(text: str, *hidden: str | None) -> str:
    """Return an error in the form that is stored: one line, truncated, without secrets."""
    for secret in hidden:
        if secret:
            text = text.replace(secret, "…")
    return one_line(text)[:ERROR_CHARACTERS_MAX]


def one_line(text: str) -> str:
    """Return a text on one line; control and invisible characters become spaces."""
    printable = "".join(letter if letter.isprintable() else " " for letter in text)
    return " ".join(printable.split())


def retry_after_seconds(header: str | None) -> int | None:
    """Return the seconds of a `Retry-After` header; dates are not supported."""
    text = (header or "").strip()
    return int(text) if text.isascii() and text.isdigit() and len(text) <= 9 else None
