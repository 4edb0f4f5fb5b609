"""What all bodies of answers have in common: keyword fields under their names on the wire."""

from __future__ import annotations

from msgspec import Struct

from schemas.jsonio import wire_name


class Body(Struct, kw_only=True, rename=wire_name):
    """A part of an answer."""
