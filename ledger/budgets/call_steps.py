"""The steps before the end of a call that reaches its limit: a warning, then a cheaper model.

They are stored as JSON beside `auto_cutoff`: in a user's settings, or in a scoped budget.
"""

from __future__ import annotations

from decimal import Decimal
from typing import Final

import msgspec

from schemas.call_steps import CLOSING_SENTENCE, DOWNGRADE_AT_PERCENT, WARN_AT_PERCENT

_FULL: Final = 100


class StepSettings(msgspec.Struct, frozen=True, kw_only=True, rename="camel", omit_defaults=True):
    """Which steps are on, and at which percentage of the limit."""

    warn: bool = False
    warn_at: Decimal = Decimal(WARN_AT_PERCENT)
    downgrade: bool = False
    downgrade_at: Decimal = Decimal(DOWNGRADE_AT_PERCENT)
    closing_sentence: str | None = None

    @property
    def is_on(self) -> bool:
        """Whether any step is on."""
        return self.warn or self.downgrade

    @property
    def are_in_order(self) -> bool:
        """Whether the percentages are 0 < warning < downgrade < 100."""
        return 0 < self.warn_at < self.downgrade_at < _FULL

    @property
    def sentence(self) -> str:
        """The closing sentence, or else the default one."""
        return self.closing_sentence or CLOSING_SENTENCE


NO_STEPS: Final = StepSettings()

_encode: Final = msgspec.json.Encoder(decimal_format="number").encode
_decode: Final = msgspec.json.Decoder(StepSettings).decode


def decode_steps(stored: str | None) -> StepSettings:
    """Return stored steps."""
    return NO_STEPS if stored is None else _decode(stored)


def stored_steps(steps: StepSettings) -> str | None:
    """Return steps as stored; None for the default steps."""
    return None if steps == NO_STEPS else _encode(steps).decode()
