"""What a call will have cost when it is hung up, from its own rate and how long it should last."""

from __future__ import annotations

from typing import Final

from schemas.money import half_even

RATE_MS_MIN: Final = 10_000
"""No rate is taken over less than this: one early cost says little about the minutes to come."""


def projected_nano(
    total_nano: int, once_nano: int, elapsed_ms: int, expected_ms: int | None
) -> int:
    """Return the projected cost at hang-up, in nano-dollars, rounded half-even.

    `once_nano` of the cost is taken once a call, however long it lasts: infrastructure shares and
    fees. The rest runs with the call, so far over `elapsed_ms`, and is taken to go on at that rate:
    once + (total - once) * expected ÷ max(elapsed, 10 s).

    Never less than what the call has cost already. A call that has lasted as long as expected, or
    without a usual duration is projected to end now. A fee that is only
    taken when the call is charged is no part of it before.
    """
    lasting_ms = max(elapsed_ms, RATE_MS_MIN)
    if expected_ms is None or expected_ms <= lasting_ms:
        return total_nano
    return max(
        total_nano, once_nano + half_even((total_nano - once_nano) * expected_ms, lasting_ms)
    )
