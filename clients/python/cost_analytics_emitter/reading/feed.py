"""Follows the live feed through lost connections."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Sequence
from contextlib import suppress
from typing import Any, Final

import aiohttp

from cost_analytics_emitter.backoff import Backoff
from cost_analytics_emitter.reading.decoding import decode, parse_json
from cost_analytics_emitter.reading.errors import ApiError
from cost_analytics_emitter.reading.requests import ApiRequests
from cost_analytics_emitter.reading.results import (
    LiveAlert,
    LiveBudget,
    LiveChange,
    LiveSnapshot,
)

LiveMessage = LiveSnapshot | LiveChange | LiveAlert | LiveBudget

_PATH: Final = "/api/costs/live"
_TYPES: Final[dict[str, type[LiveMessage]]] = {
    "snapshot": LiveSnapshot,
    "call": LiveChange,
    "alert": LiveAlert,
    "budget": LiveBudget,
}
_SILENCE_SECONDS: Final = 4
"""A connection that is silent for this long is pinged, and closed after the same time again."""
_CLOSE_SECONDS: Final = 1


async def follow(requests: ApiRequests, calls: Sequence[str] | None) -> AsyncIterator[LiveMessage]:
    """Yield each message; a snapshot first, and again after each reconnect.

    Raises ApiError if the server refuses the token, or the caller.
    """
    backoff = Backoff()
    while True:
        retry_seconds = 0.0
        try:
            socket = await requests.socket(_PATH)
        except ApiError as error:
            if not error.is_retryable:
                raise
            retry_seconds = error.retry_seconds
        else:
            try:
                if calls is not None:
                    await socket.send_str(json.dumps({"type": "subscribe", "calls": list(calls)}))
                async for message in _messages(socket):
                    backoff.reset()
                    yield message
            except (ConnectionError, aiohttp.ClientError):
                pass  # a lost connection: the next one starts with a snapshot
            finally:
                await _close(socket)
        await asyncio.sleep(backoff.next_seconds(retry_seconds))


async def _messages(socket: aiohttp.ClientWebSocketResponse[Any]) -> AsyncIterator[LiveMessage]:
    """Yield messages until the connection is lost or stays silent."""
    is_pinged = False
    while True:
        try:
            received = await socket.receive(_SILENCE_SECONDS)
        except asyncio.TimeoutError:
            if is_pinged:
                return
            is_pinged = True
            await socket.send_str('{"type":"ping"}')
            continue
        is_pinged = False
        if received.type is not aiohttp.WSMsgType.TEXT:
            return
        message = _message(received.data)
        if message is not None:
            yield message


def _message(text: str) -> LiveMessage | None:
    """Return a message, or None for one that is not used, such as a pong; raises ApiError."""
    try:
        content: Any = parse_json(text)
        wanted = _TYPES.get(content["type"])
        return None if wanted is None else decode(wanted, content)
    except (ValueError, LookupError, TypeError) as error:
        raise ApiError(200, "invalid_answer", f"a message is not the API's: {error}") from error


async def _close(socket: aiohttp.ClientWebSocketResponse[Any]) -> None:
    with suppress(asyncio.TimeoutError):
        await asyncio.wait_for(socket.close(), _CLOSE_SECONDS)
