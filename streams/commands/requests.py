"""Sends the requests of all receivers, and turns responses into results."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final

import msgspec
from aiohttp import ClientResponse, ClientSession
from aiohttp.abc import AbstractResolver
from yarl import URL

from ledger.commands.results import CommandResult
from ledger.notifications.retry_policy import retry_after_seconds, storable_error
from streams.commands.receiver import ATTEMPT_MS
from streams.notifications.http import BUFFER_BYTES, FAILURES, failure_of, make_session
from streams.notifications.targets import RefusedTargetError

JSON_HEADERS: Final = {"Content-Type": "application/json"}
ANSWER_BYTES_MAX: Final = 8 * BUFFER_BYTES
"""More of an answer is not read."""
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
    """Whether the body of a successful response is read; most receivers send none of use."""


@dataclass(frozen=True, slots=True)
class Answer:
    """A response: its status, and its body if that is JSON."""

    status: int
    document: Any
    retry_after_seconds: int | None


class RequestSender:
    """Sends requests of one receiver, called `name`; each opens a connection of its own."""

    def __init__(
        self,
        name: str,
        resolver: AbstractResolver | None = None,
        timeout_ms: int = ATTEMPT_MS,
        *,
        hidden: tuple[str, ...] = (),
    ) -> None:
        """`resolver` decides which addresses may be connected to.

        `hidden` are secrets that never reach a stored error, whatever a receiver answers.
        """
        self.name = name
        self._resolver = resolver
        self._timeout_ms = timeout_ms
        self._hidden = hidden
        self._session: ClientSession | None = None

    async def post(self, request: CommandRequest) -> Answer | CommandResult:
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
                return await _answer(response, reads_success=request.reads_success)
        except RefusedTargetError as error:
            return CommandResult("permanent", self.name, error=str(error))
        except FAILURES as error:
            if isinstance(error.__cause__, RefusedTargetError):
                return CommandResult("permanent", self.name, error=str(error.__cause__))
            failure = failure_of(error, *self._hidden, *request.hidden)
            return CommandResult("temporary", self.name, error=failure.error)

    def result(self, answer: Answer, *, has_ended: bool) -> CommandResult:
        """Return the result of a response; `has_ended` if it says that the call has ended."""
        status = str(answer.status)
        if 200 <= answer.status < 300:
            return CommandResult("executed", self.name, status)
        if has_ended:
            return CommandResult("ended", self.name, status, "The vendor says the call has ended.")
        said = storable_error(_message(answer.document), *self._hidden)
        error = f"It answered {status}{f': {said}' if said else '.'}"
        if answer.status >= 500 or answer.status in _RETRYABLE_STATUSES:
            wait = answer.retry_after_seconds
            return CommandResult("temporary", self.name, status, error, wait)
        return CommandResult("permanent", self.name, status, error)

    async def close(self) -> None:
        """Close the session and the resolver."""
        if self._session is not None:
            await self._session.close()
        if self._resolver is not None:
            await self._resolver.close()


async def _answer(response: ClientResponse, *, reads_success: bool) -> Answer:
    after = retry_after_seconds(response.headers.get("Retry-After"))
    if 200 <= response.status < 300 and not reads_success:  # it may never come
        return Answer(response.status, None, after)
    body = b""
    while len(body) < ANSWER_BYTES_MAX and (more := await response.content.read(BUFFER_BYTES)):
        body += more
    try:
        document = msgspec.json.decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError):
        document = None
    return Answer(response.status, document, after)


def _message(document: Any) -> str:
    """Return the error's text, under the names that vendors use."""
    if not isinstance(document, dict):
        return ""
    errors = document.get("errors")
    if isinstance(errors, list) and errors and isinstance(errors[0], dict):
        document = errors[0]
    texts = (document.get(name) for name in ("message", "msg", "detail", "title", "error"))
    return next((text for text in texts if isinstance(text, str)), "")
