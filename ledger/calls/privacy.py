"""What a user may learn from other users' calls: figures of several users, and only roughly."""

from __future__ import annotations

from typing import Final

from schemas.money import significant

OTHER_USERS_MIN: Final = 5
"""A figure made of other users' calls needs the calls of at least so many other users."""
_DIGITS: Final = 2


def blurred(value: int) -> int:
    """Return a figure of other users to two significant digits: exact, it may be one user's own."""
    return significant(value, _DIGITS)
