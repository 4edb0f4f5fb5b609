"""Protects other users' figures that a user's reports are based on."""

from __future__ import annotations

from typing import Final

from schemas.money import significant

OTHER_USERS_MIN: Final = 5
"""A figure about other users is made of the calls of at least this many of them."""
_DIGITS: Final = 2


def round_for_privacy(value: int) -> int:
    """Return a figure of other users rounded to two significant digits."""
    return significant(value, _DIGITS)
