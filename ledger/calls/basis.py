"""The cost that a charge follows: at the prices when it was recorded.

A price that becomes known later corrects a recorded cost, but not what was charged for it. So a
correcting cost states the cost that it replaces. A cost that had no price yet has its first price.
"""

from __future__ import annotations

from typing import Final

import msgspec

from schemas.events import RERATE_SOURCE, CostRecorded, Event

CHARGE_BASIS: Final = "chargeBasisNano"
"""The field of a correcting cost's metadata with the cost that charges follow, nano-dollars."""

_fields: Final = msgspec.json.Decoder(dict[str, msgspec.Raw])
_nano: Final = msgspec.json.Decoder(int)


def charge_basis_nano(event: Event, data: CostRecorded) -> int | None:
    """Return the cost that charges follow if it is not the cost itself, else None."""
    if event.source != RERATE_SOURCE or CHARGE_BASIS.encode() not in bytes(data.metadata):
        return None
    stated = _fields.decode(data.metadata).get(CHARGE_BASIS)
    return None if stated is None else _nano.decode(stated)
