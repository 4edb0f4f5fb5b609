"""The limit that ended a call, as reports read it."""

from __future__ import annotations

from datetime import datetime
from typing import Final

import msgspec


class LimitCutoff(msgspec.Struct, frozen=True, gc=False, rename="camel"):
    """An executed cutoff that a limit caused; `budget_id` is null for the user's own call limit."""

    limit_nano: int
    budget_id: str | None
    limit_version: int
    executed_at: datetime


_cutoff: Final = msgspec.json.Decoder(LimitCutoff)


def decode_limit_cutoff(found: str | None) -> LimitCutoff | None:
    """Return the limit that ended a call; None if none did."""
    return None if found is None else _cutoff.decode(found)
