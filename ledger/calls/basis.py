"""The cost that a charge follows: the recorded cost at the prices when it was recorded.

A price that becomes known later corrects a recorded cost, but not what was charged for it. So a
correcting cost states the cost that it replaces, and the prices of its units of time, from which
the roundings of legs follow. If a cost had no price when it was recorded, its first price counts.
"""

from __future__ import annotations

from typing import Final

import msgspec

from schemas.events import RERATE_SOURCE, CostRecorded, Event

CHARGE_BASIS: Final = "chargeBasisNano"
"""The field of a correcting cost's metadata with the cost that charges follow, nano-dollars."""

BASIS_PRICES: Final = "chargeBasisPrices"
"""The field of the metadata with the ids of the prices that charges follow, by unit of time."""

_fields: Final = msgspec.json.Decoder(dict[str, msgspec.Raw])
_nano: Final = msgspec.json.Decoder(int)
_prices: Final = msgspec.json.Decoder(dict[str, int])


def charge_basis_nano(event: Event, data: CostRecorded) -> int | None:
    """Return the cost that charges follow if it is not the cost itself, else None."""
    if event.source != RERATE_SOURCE or CHARGE_BASIS.encode() not in bytes(data.metadata):
        return None
    stated = _fields.decode(data.metadata).get(CHARGE_BASIS)
    return None if stated is None else _nano.decode(stated)


def charge_basis_prices(source: str, metadata: str | None) -> dict[str, int]:
    """Return the ids of the prices that charges follow, by unit, where they differ."""
    if source != RERATE_SOURCE or metadata is None or BASIS_PRICES not in metadata:
        return {}
    return decode_basis_prices(bytes(_fields.decode(metadata).get(BASIS_PRICES, b"{}")).decode())


def decode_basis_prices(stored: str | None) -> dict[str, int]:
    """Return the prices that charges follow as stored with a cost."""
    return {} if stored is None else _prices.decode(stored)
