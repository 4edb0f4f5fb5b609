"""Sends the requests of all receivers, and turns responses into results."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

import msgspec
from aiohttp import ClientResponse, ClientSession
from aiohttp.abc import AbstractResolver
from yarl import URL

from ledger.commands.results import CommandResult
from ledger.notifications.retry_policy import retry_after_seconds, storable_error
from schemas.commands import CommandOutcome
from streams.commands.receiver import ATTEMPT_MS
from streams.notifications.http import (
    BUFFER_BYTES,
    FAILURES,
    failure_of,
    make_session,
    read_beginning,
)

JSON_HEADERS: Final = {"Content-Type": "application/json"}
RESPONSE_BYTES_MAX: Final = 8 * BUFFER_BYTES
NOT_FOUND: Final = 404
_RETRYABLE_STATUSES: Final = frozenset({401, 403, 408, 409, 425, 429})
"""Statuses about our account, our rate or a passing state, which may differ at the next attempt."""


@dataclass(frozen=True, slots=True)
class CommandRequest:
    """A POST request. `hidden` texts never reach a stored error."""

    url: URL
    body: bytes
    headers: Mapping[str, str]
    hidden: tuple[str, ...] = field(default=(), repr=False)
    reads_success: bool = False
    """Whether the body of a successful response is needed."""


@dataclass(frozen=True, slots=True)
class CommandResponse:
    """A response: its status, and its body if that is JSON."""

    status: int
    document: Any
    retry_after_seconds: int | None


class RequestSender:
    """Sends the requests of the receiver `name`, each over its own connection."""

    def __init__(
        self,
        name: str,
        resolver: AbstractResolver | None = None,
        timeout_ms: int = ATTEMPT_MS,
        *,
        hidden: tuple[str, ...] = (),
    ) -> None:
        """`resolver` decides which addresses may be connected to.

        Stored errors never contain the secrets `hidden`, even if a response does.
        """
        self.name = name
        self._resolver = resolver
        self._timeout_ms = timeout_ms
        self._hidden = hidden
        self._session: ClientSession | None = None

    async def post(self, request: CommandRequest) -> CommandResponse | CommandResult:
        """Return the response, or the result of an attempt without one. Follows no redirect."""
        if self._session is None:
            self._session = make_session(self._resolver)
        try:
            async with (
                asyncio.timeout(self._timeout_ms / 1000),
                self._session.post(
                    request.url,
                    data=request.body,
                    headers=request.headers,
                    allow_redirects=False,
                ) as response,
            ):
                return await _read_response(response, reads_success=request.reads_success)
        except FAILURES as error:
            failure = failure_of(error, *self._hidden, *request.hidden)
            outcome: CommandOutcome = "permanent" if failure.verdict == "permanent" else "temporary"
            return CommandResult(outcome, self.name, error=failure.error)

    async def execute(
        self, request: CommandRequest, has_ended: Callable[[CommandResponse], bool]
    ) -> CommandResult:
        """Send a request, and return the result of the attempt.

        `has_ended` returns whether a response without success means that the call has ended.
        """
        response = await self.post(request)
        if isinstance(response, CommandResult):
            return response
        return self.result(response, has_ended=has_ended(response))

    def result(self, response: CommandResponse, *, has_ended: bool) -> CommandResult:
        """Return the result of a response; `has_ended` if it says that the call has ended."""
        status = str(response.status)
        if 200 <= response.status < 300:
            return CommandResult("executed", self.name, status)
        if has_ended:
            return CommandResult("ended", self.name, status, "The vendor says the call has ended.")
        message = storable_error(_message(response.document), *self._hidden)
        error = f"It answered {status}{f': {message}' if message else '.'}"
        if response.status >= 500 or response.status in _RETRYABLE_STATUSES:
            wait = response.retry_after_seconds
            return CommandResult("temporary", self.name, status, error, wait)
        return CommandResult("permanent", self.name, status, error)

    async def close(self) -> None:
        """Close the session and the resolver."""
        if self._session is not None:
            await self._session.close()
        if self._resolver is not None:
            await self._resolver.close()


async def _read_response(response: ClientResponse, *, reads_success: bool) -> CommandResponse:
    after = retry_after_seconds(response.headers.get("Retry-After"))
    if 200 <= response.status < 300 and not reads_success:  # the body may never come
        return CommandResponse(response.status, None, after)
    try:
        document = msgspec.json.decode(await read_beginning(response, RESPONSE_BYTES_MAX))
    except (msgspec.DecodeError, UnicodeDecodeError):
        document = None
    return CommandResponse(response.status, document, after)


def _message(document: Any) -> str:
    """Return the error's text, under the names that vendors use."""
    if not isinstance(document, dict):
        return ""
    errors = document.get("errors")
    if isinstance(errors, list) and errors and isinstance(errors[0], dict):
        document = errors[0]
    texts = (document.get(name) for name in ("message", "msg", "detail", "title", "error"))
    return next((text for text in texts if isinstance(text, str)), "")
