"""The event that raised a spend to a threshold."""

from __future__ import annotations

from msgspec import Struct

from schemas.jsonio import wire_name


class Crossing(Struct, kw_only=True, rename=wire_name):
    """The event that raised spend to a threshold; `service` is null if the event has none."""

    source: str
    id: str
    service: str | None
