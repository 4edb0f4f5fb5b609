"""Headers of every response, from routes and from the connection handler."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

from aiohttp import hdrs

SECURITY_HEADERS: Final[Mapping[str, str]] = MappingProxyType(
    {
        "Content-Security-Policy": "default-src 'none'; frame-ancestors 'none'",
        "Referrer-Policy": "no-referrer",
        "X-Content-Type-Options": "nosniff",
    }
)
"""Default values; a route may set its own."""

SERVER_HEADER: Final[Mapping[str, str]] = MappingProxyType({hdrs.SERVER: "cost-analytics"})
"""Replaces aiohttp's name and version."""
