"""WebSocket frames (RFC 6455) of a server, encoded once for all sockets.

Many sockets receive the same text. Encoding it for each one would dominate the cost, so a frame is
encoded once and written to each connection as it is.
"""

from __future__ import annotations

import struct
from typing import Final

_TEXT: Final = 0x81
_SHORT_MAX: Final = 125
_MEDIUM: Final = 126
_MEDIUM_MAX: Final = 0xFFFF
_LONG: Final = 127

PING: Final = b"\x89\x00"
"""A ping without payload."""

PONG_BYTES_MAX: Final = _SHORT_MAX


def text_frame(text: bytes) -> bytes:
    """Return the frame of a text message in UTF-8."""
    length = len(text)
    if length <= _SHORT_MAX:
        return struct.pack("!BB", _TEXT, length) + text
    if length <= _MEDIUM_MAX:
        return struct.pack("!BBH", _TEXT, _MEDIUM, length) + text
    return struct.pack("!BBQ", _TEXT, _LONG, length) + text


def pong_frame(content: bytes) -> bytes:
    """Return the pong with a ping's payload of at most 125 bytes."""
    return struct.pack("!BB", 0x8A, len(content)) + content
