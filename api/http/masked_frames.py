"""Refuses what a WebSocket client sends unmasked, which the framework's parser takes.

RFC 6455, section 5.1: a client masks all frames, and a server closes the connection (1002) upon one
that is not. Masks keep pages from writing requests of their choice through old proxies.
"""

from __future__ import annotations

from typing import Final, Protocol

_LENGTH_BYTES: Final = {126: 2, 127: 8}
"""How many bytes of length follow the header of a frame whose own length says so."""
_MASK_BYTES: Final = 4
_MASKED: Final = 0x80
_INVALID_FRAME: Final = b"\xf0\x80"
"""A header with reserved bits, upon which the parser reports an error of the protocol: 1002."""


class FrameParser(Protocol):
    """The framework's parser of frames."""

    def feed_data(self, data: bytes) -> tuple[bool, bytes]:
        """Take bytes; returns whether there will be no more, and what was not taken."""

    def feed_eof(self) -> None:
        """Take the end of the connection."""


class MaskedFrames:
    """Hands frames on to a parser, each as soon as its header shows that it is masked."""

    def __init__(self, parser: FrameParser) -> None:
        self._parser = parser
        self._header = b""
        self._payload_left = 0
        self._is_refused = False

    def feed_data(self, data: bytes) -> tuple[bool, bytes]:
        """Take bytes of frames; upon one that is not masked the parser gets an invalid one."""
        if self._is_refused:
            return True, b""
        data = self._header + data
        place = min(self._payload_left, len(data))
        self._payload_left -= place
        while end := _end_of_frame(data, place):
            place, self._payload_left = min(end, len(data)), max(0, end - len(data))
        self._header = data[place:]
        if len(self._header) > 1 and not self._header[1] & _MASKED:
            self._is_refused = True
            return self._parser.feed_data(data[:place] + _INVALID_FRAME)
        return self._parser.feed_data(data[:place])

    def feed_eof(self) -> None:
        """Take the end of the connection."""
        self._parser.feed_eof()


def _end_of_frame(data: bytes, start: int) -> int | None:
    """Return where a masked frame ends that begins at `start`; None without its whole header."""
    if len(data) < start + 2 or not data[start + 1] & _MASKED:
        return None
    length = data[start + 1] & ~_MASKED
    payload = start + 2 + _LENGTH_BYTES.get(length, 0)
    if len(data) < payload:
        return None
    if payload > start + 2:
        length = int.from_bytes(data[start + 2 : payload], "big")
    return payload + _MASK_BYTES + length
