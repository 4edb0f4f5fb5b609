"""The base class of response bodies, with camelCase JSON names."""

from __future__ import annotations

from msgspec import Struct

from schemas.jsonio import wire_name


class Body(Struct, rename=wire_name):
    """A response body, or a part of one."""
