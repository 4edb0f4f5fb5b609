"""The rounding of a leg: what its billed duration costs more than its pieces."""

from __future__ import annotations

from decimal import Decimal
from typing import Final

import msgspec

from schemas.numbers import Number, read_number


class Rounding(msgspec.Struct, frozen=True, gc=False, omit_defaults=True, rename="camel"):
    """The rounding of one leg, as stored; `model` and `leg_id` are empty if there is none.

    `seconds` is the billed duration. `nano` is the price of that duration less the costs of the
    pieces, in nano-dollars; it may be negative. `rerated` is the part of it that later prices
    added, which charges do not follow: the rounding less that of the pieces at the prices when
    they were recorded.
    """

    service: str
    operation: str
    seconds: Number
    nano: int
    model: str = ""
    leg_id: str = ""
    is_audio: bool = False
    rerated: int = 0

    @property
    def leg(self) -> tuple[str, str, str, str, bool]:
        """The key of its leg within the call."""
        return self.service, self.operation, self.model, self.leg_id, self.is_audio


_decode: Final = msgspec.json.Decoder(
    list[Rounding], dec_hook=read_number, float_hook=Decimal
).decode


def decode_roundings(stored: str | None) -> list[Rounding] | None:
    """Return the roundings of a call as stored in its row."""
    return None if stored is None else _decode(stored)
