"""Fixed-point numbers for forecasts.

The amounts of a series are divided by its largest one. So series that differ by a factor have the
same rhythm, and no amount is a binary fraction.
"""

from __future__ import annotations

from typing import Final

WEEK: Final = 7

SCALE: Final = 1 << 40
"""The scaled value of a series' largest amount."""

ONE: Final = 1 << 40
"""The factor 1."""
