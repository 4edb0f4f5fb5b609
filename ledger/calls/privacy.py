"""Protects other users' figures that a user's reports are based on."""

from __future__ import annotations

from typing import Final

from schemas.money import significant

OTHER_USERS_MIN: Final = 5
"""The least number of other users whose calls a figure about other users may be made of."""
_DIGITS: Final = 2


def round_for_privacy(value: int) -> int:
    """Return a figure of other users rounded to two significant digits."""
    return significant(value, _DIGITS)
