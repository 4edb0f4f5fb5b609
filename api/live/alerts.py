"""Reads alerts from their topic."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Sequence
from typing import Final, NamedTuple

import msgspec

from schemas.jsonio import encode, wire_name
from schemas.live import LiveAlert

SEEN_MAX: Final = 10_000
AGE_SECONDS_MAX: Final = 600
"""Older alerts are not sent to sockets; `/budget` lists them."""


class AlertMessage(NamedTuple):
    """An alert for a user; `text` is the message for sockets."""

    user_id: str
    text: bytes


class _Event(msgspec.Struct):
    id: str
    source: str
    data: msgspec.Raw


class _Addressee(msgspec.Struct, rename=wire_name):
    user_id: str


_decode_event: Final = msgspec.json.Decoder(_Event).decode
_decode_addressee: Final = msgspec.json.Decoder(_Addressee).decode


class AlertReader:
    """Decodes alerts, each one once however often it was published."""

    def __init__(self) -> None:
        self._seen: OrderedDict[tuple[str, str], None] = OrderedDict()

    def read(
        self, value: bytes, headers: Sequence[tuple[str, bytes]], age_seconds: int
    ) -> AlertMessage | None:
        """Return the alert of a CloudEvent; None for an old or repeated one.

        Reads structured and binary mode. Raises msgspec.DecodeError (or its ValidationError) or
        UnicodeDecodeError if `data` is not an object with a user id.
        """
        attributes = {name: content.decode() for name, content in headers if name[:3] == "ce_"}
        if "ce_id" in attributes:
            identity, data = (attributes.get("ce_source", ""), attributes["ce_id"]), value
        else:
            event = _decode_event(value)
            identity, data = (event.source, event.id), bytes(event.data)
        user_id = _decode_addressee(data).user_id
        if age_seconds > AGE_SECONDS_MAX or identity in self._seen:
            return None
        self._seen[identity] = None
        if len(self._seen) > SEEN_MAX:
            self._seen.popitem(last=False)
        return AlertMessage(user_id, encode(LiveAlert(alert=msgspec.Raw(data))))
