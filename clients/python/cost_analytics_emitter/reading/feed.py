"""Follows the live feed through lost connections."""

from __future__ import annotations

import asyncio
import json
import logging
from collections.abc import AsyncIterator, Sequence
from contextlib import suppress
from typing import Any, Final

import aiohttp
from aiohttp import WSCloseCode

from cost_analytics_emitter.backoff import Backoff
from cost_analytics_emitter.json_parsing import parse_json
from cost_analytics_emitter.reading.decoding import decode
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

_log: Final = logging.getLogger("cost_analytics_emitter")


async def follow(requests: ApiRequests, calls: Sequence[str] | None) -> AsyncIterator[LiveMessage]:
    """Yield each message; a snapshot first, and again after each reconnect.

    Raises ApiError if the server refuses the token or the caller, or sends what is not the API's.
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
            _log_interruption(backoff, error)
        else:
            try:
                if calls is not None:
                    await socket.send_str(json.dumps({"type": "subscribe", "calls": list(calls)}))
                async for message in _messages(socket):
                    backoff.reset()
                    yield message
            except (ConnectionError, aiohttp.ClientError) as error:
                # The next connection starts with a snapshot.
                _log_interruption(backoff, error)
            finally:
                await _close(socket)
        await asyncio.sleep(backoff.next_seconds(retry_seconds))


async def _messages(socket: aiohttp.ClientWebSocketResponse[Any]) -> AsyncIterator[LiveMessage]:
    """Yield messages; raises ConnectionError once the connection is lost or stays silent."""
    is_pinged = False
    while True:
        try:
            received = await socket.receive(_SILENCE_SECONDS)
        except asyncio.TimeoutError:
            if is_pinged:
                raise ConnectionError("the server does not answer a ping") from None
            is_pinged = True
            await socket.send_str('{"type":"ping"}')
            continue
        is_pinged = False
        if received.type is not aiohttp.WSMsgType.TEXT:
            raise _failure(received)
        message = _message(received.data)
        if message is not None:
            yield message


def _failure(received: aiohttp.WSMessage) -> Exception:
    """Return the error of a connection that ended, or that sent something else than a text."""
    if received.type in {aiohttp.WSMsgType.CLOSE, aiohttp.WSMsgType.CLOSED}:
        return ConnectionError(f"closed with code {received.data} {received.extra or ''}".strip())
    error = received.data
    if isinstance(error, aiohttp.WebSocketError) and error.code is WSCloseCode.MESSAGE_TOO_BIG:
        return ApiError(200, "invalid_answer", f"a message is too large: {error}")
    return ConnectionError(f"{received.type.name}: {error!r:.200}")


def _message(text: str) -> LiveMessage | None:
    """Return a message, or None for one that is not used, such as a pong; raises ApiError."""
    try:
        content: Any = parse_json(text)
        wanted = _TYPES.get(content["type"])
        return None if wanted is None else decode(wanted, content)
    except (ValueError, LookupError, TypeError) as error:
        raise ApiError(200, "invalid_answer", f"a message is not the API's: {error}") from error


def _log_interruption(backoff: Backoff, error: Exception) -> None:
    """Log the first of a series of failures."""
    if not backoff.failures:
        _log.warning(
            "the live feed is opened again: %s", error, extra={"action": "feed_interrupted"}
        )


async def _close(socket: aiohttp.ClientWebSocketResponse[Any]) -> None:
    with suppress(asyncio.TimeoutError):
        await asyncio.wait_for(socket.close(), _CLOSE_SECONDS)
