"""The fixed-point numbers that forecasts are computed with.

Amounts are first divided by the largest of their series. So money in a thousand times the amounts
has the same rhythm, bit by bit, and no amount is ever a binary fraction.
"""

from __future__ import annotations

from typing import Final

WEEK: Final = 7

SCALE: Final = 1 << 40
"""What the largest amount of a series counts as."""

ONE: Final = 1 << 40
"""The factor 1."""
