"""Projects the cost of an active call at hang-up, from its rate and its usual duration."""

from __future__ import annotations

from typing import Final

from schemas.money import half_even

RATE_MS_MIN: Final = 10_000
"""The shortest duration for a rate: one early cost says little about the next minutes."""


def projected_nano(
    total_nano: int, once_nano: int, elapsed_ms: int, expected_ms: int | None
) -> int:
    """Return the projected cost at hang-up, in nano-dollars, rounded half-even.

    `once_nano` is the part of the cost that is paid once per call, whatever its duration:
    infrastructure shares and fees. The rest grows at the rate measured over `elapsed_ms`:
    once + (total - once) * expected ÷ max(elapsed, 10 s).

    Never less than the current cost. A call that has lasted as long as expected, or has no usual
    duration, is projected to end now. A fee that is due when the call is charged is not included
    before.
    """
    lasting_ms = max(elapsed_ms, RATE_MS_MIN)
    if expected_ms is None or expected_ms <= lasting_ms:
        return total_nano
    return max(
        total_nano, once_nano + half_even((total_nano - once_nano) * expected_ms, lasting_ms)
    )
