"""The agent that receives ended calls: it notes their ids and does nothing else."""

from __future__ import annotations

import logging
from collections.abc import AsyncIterable, Callable
from typing import Any, Final

import msgspec

from schemas.events import CallStatus
from schemas.jsonio import wire_name
from schemas.topics import CALL_TOTALS

_GOES_ON: Final = b'"status":"active"'
_log: Final = logging.getLogger(__name__)


class _EndedTotal(msgspec.Struct, rename=wire_name):
    """As much of a total as is needed to find the call."""

    call_id: str
    status: CallStatus


_decoder: Final = msgspec.json.Decoder(_EndedTotal)


def add_agent(app: Any, hear: Callable[[str], None]) -> None:
    """Give a Faust app an agent that passes on the id of each call that has ended."""
    topic = app.topic(
        CALL_TOTALS.name, key_serializer="raw", value_type=bytes, value_serializer="raw"
    )

    async def ended(stream: AsyncIterable[bytes]) -> None:
        async for value in stream:
            call_id = ended_call_of(value)
            if call_id is not None:
                hear(call_id)

    app.agent(topic, name="ended")(ended)


def ended_call_of(value: bytes | None) -> str | None:
    """Return the id of the call that a record says has ended, None where it says none has.

    Most records are of active calls; they are recognized by their bytes, without decoding.
    """
    if value is None or _GOES_ON in value:
        return None
    try:
        ended = _decoder.decode(value)
    except (msgspec.DecodeError, UnicodeDecodeError):
        _log.warning("a record is no total", extra={"action": "total_unreadable"})
        return None
    return None if ended.status == "active" else ended.call_id
