"""Refuses unmasked WebSocket frames, which aiohttp's parser accepts.

RFC 6455, section 5.1: clients mask all frames, and a server closes the connection (1002) upon an
unmasked one. Masks stop web pages from sending chosen requests through old proxies.
"""

from __future__ import annotations

from typing import Final, Protocol

_LENGTH_BYTES: Final = {126: 2, 127: 8}
"""Length of the extended payload length, by the value of the short one."""
_MASK_BYTES: Final = 4
_MASKED: Final = 0x80
_INVALID_FRAME: Final = b"\xf0\x80"
"""A header with reserved bits, which makes the parser report a protocol error (1002)."""


class FrameParser(Protocol):
    """aiohttp's parser of WebSocket frames."""

    def feed_data(self, data: bytes) -> tuple[bool, bytes]:
        """Parse bytes; returns whether parsing has ended, and the unused rest."""

    def feed_eof(self) -> None:
        """Handle the end of the connection."""


class MaskedFrames:
    """Passes frames on to a parser once their headers show that they are masked."""

    def __init__(self, parser: FrameParser) -> None:
        self._parser = parser
        self._header = b""
        self._payload_left = 0
        self._is_refused = False

    def feed_data(self, data: bytes) -> tuple[bool, bytes]:
        """Parse bytes of frames; replaces an unmasked frame with an invalid one."""
        if self._is_refused:
            return True, b""
        data = self._header + data
        position = min(self._payload_left, len(data))
        self._payload_left -= position
        while end := _end_of_frame(data, position):
            position, self._payload_left = min(end, len(data)), max(0, end - len(data))
        self._header = data[position:]
        if len(self._header) > 1 and not self._header[1] & _MASKED:
            self._is_refused = True
            return self._parser.feed_data(data[:position] + _INVALID_FRAME)
        return self._parser.feed_data(data[:position])

    def feed_eof(self) -> None:
        self._parser.feed_eof()


def _end_of_frame(data: bytes, start: int) -> int | None:
    """Return the end of the masked frame at `start`; None if its header is incomplete."""
    if len(data) < start + 2 or not data[start + 1] & _MASKED:
        return None
    length = data[start + 1] & ~_MASKED
    payload = start + 2 + _LENGTH_BYTES.get(length, 0)
    if len(data) < payload:
        return None
    if payload > start + 2:
        length = int.from_bytes(data[start + 2 : payload], "big")
    return payload + _MASK_BYTES + length
