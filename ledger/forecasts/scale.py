"""Fixed-point numbers for forecasts.

Amounts are divided by the largest of their series. So series that differ by a factor have exactly
the same rhythm, and no amount is ever a binary fraction.
"""

from __future__ import annotations

from typing import Final

WEEK: Final = 7

SCALE: Final = 1 << 40
"""The scaled value of a series' largest amount."""

ONE: Final = 1 << 40
"""The factor 1."""
