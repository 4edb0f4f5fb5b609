"""The Faust agent for ended calls: passes on their ids and does nothing else."""

from __future__ import annotations

import logging
from collections.abc import AsyncIterable, Callable
from typing import Any, Final

import msgspec

from schemas.events import CallStatus
from schemas.jsonio import wire_name
from schemas.topics import CALL_TOTALS

_ACTIVE: Final = b'"status":"active"'
_log: Final = logging.getLogger(__name__)


class _EndedTotal(msgspec.Struct, rename=wire_name):
    """The fields of a total that identify an ended call."""

    call_id: str
    status: CallStatus


_decoder: Final = msgspec.json.Decoder(_EndedTotal)


def add_agent(app: Any, on_ended: Callable[[str], None]) -> None:
    """Add an agent to a Faust app that calls `on_ended` with the id of each ended call."""
    topic = app.topic(
        CALL_TOTALS.name, key_serializer="raw", value_type=bytes, value_serializer="raw"
    )

    async def ended(stream: AsyncIterable[bytes]) -> None:
        async for value in stream:
            call_id = ended_call_of(value)
            if call_id is not None:
                on_ended(call_id)

    app.agent(topic, name="ended")(ended)


def ended_call_of(value: bytes | None) -> str | None:
    """Return the call id of an ended call's total; None for any other record.

    Most records are of active calls; they are recognized by their bytes, without decoding.
    """
    if value is None or _ACTIVE in value:
        return None
    try:
        ended = _decoder.decode(value)
    except (msgspec.DecodeError, UnicodeDecodeError):
        _log.warning("a record is not a total", extra={"action": "total_unreadable"})
        return None
    return None if ended.status == "active" else ended.call_id
