"""Stores a decoded event as text, for instance while it is held, and reads it back."""

from __future__ import annotations

from datetime import datetime
from typing import Final

import msgspec

from schemas.cloudevents import decoders_of_data
from schemas.events import Event


class _Stored(msgspec.Struct):
    identity: str
    fingerprint: int
    source: str
    id: str
    type: str
    time: datetime
    data: msgspec.Raw


_encoder: Final = msgspec.json.Encoder()
_decoder: Final = msgspec.json.Decoder(_Stored)


def pack(event: Event) -> str:
    """Return an event as JSON text."""
    return _encoder.encode(event).decode()


def unpack(text: str) -> Event:
    """Return the event that `pack` encoded."""
    stored = _decoder.decode(text)
    data = decoders_of_data[stored.type].decode(stored.data)
    return Event(
        stored.identity,
        stored.fingerprint,
        stored.source,
        stored.id,
        stored.type,
        stored.time,
        data,
    )
