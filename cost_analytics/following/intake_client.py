"""Sends events to the HTTP intake until each is accepted or refused: nothing is dropped."""

from __future__ import annotations

import asyncio
import json
import logging
import random
from collections.abc import Collection, Mapping, Sequence
from types import TracebackType
from typing import Any, Final, NamedTuple

import aiohttp

from cost_analytics.configuration.secret import Secret
from cost_analytics.failures import CommandError
from ledger.notifications.retry_policy import retry_after_seconds

_PATH: Final = "/api/costs/events"
_TYPE: Final = "application/cloudevents-batch+json"
_EVENTS_MAX: Final = 200
_BYTES_MAX: Final = 512 * 1024
_TIMEOUT_SECONDS: Final = 20
_FIRST_RETRY_MS: Final = 200
_RETRY_MS_MAX: Final = 30_000
_ASKED_MS_MAX: Final = 300_000
_RESPONSE_BYTES_MAX: Final = 1024 * 1024
_DOUBLINGS_MAX: Final = 8
_FINAL_CODES: Final = frozenset({"invalid_json", "invalid_event", "too_old", "too_large"})
_WRONG_REQUEST: Final = frozenset({401, 403, 404, 405})

_log: Final = logging.getLogger(__name__)


class StoppedError(Exception):
    """A stop was requested before all events were settled; some may be accepted."""


_Identity = tuple[object, object]
"""The source and the id of an event."""


class _Outcome(NamedTuple):
    """The outcome of a request; `refusal` means that one of its events is invalid."""

    accepted: Collection[_Identity] = ()
    refusal: str = ""
    message: str = ""
    wait_ms: int = 0


class IntakeClient:
    """One connection to the API. `retries` counts repeated requests."""

    def __init__(self, url: str, token: Secret, stop: asyncio.Event) -> None:
        self._url = url.rstrip("/") + _PATH
        self._token = token
        self._stop = stop
        self.retries = 0

    async def __aenter__(self) -> IntakeClient:
        headers = {"Authorization": f"Bearer {self._token.reveal()}", "Content-Type": _TYPE}
        timeout = aiohttp.ClientTimeout(total=_TIMEOUT_SECONDS)
        self._session = aiohttp.ClientSession(headers=headers, timeout=timeout)
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        await self._session.close()

    async def send(self, events: Sequence[bytes]) -> Mapping[int, str]:
        """Return the reasons of refused events by their index; the others are stored durably.

        Raises StoppedError, and CommandError if the token or the address is wrong.
        """
        refused: dict[int, str] = {}
        identities = [_identity(event) for event in events]
        groups = _groups(events)
        failures = 0
        while groups:
            group = groups.pop()
            outcome = await self._post([events[index] for index in group])
            left = [index for index in group if identities[index] not in outcome.accepted]
            if not left:
                failures = 0
            elif outcome.refusal and len(left) > 1:
                # A batch is refused as a whole: halves find the event that is meant.
                middle = len(left) // 2
                groups += [left[middle:], left[:middle]]
            elif outcome.refusal:
                refused[left[0]] = outcome.message
            else:
                groups.append(left)
                await self._pause(outcome, failures)
                failures += 1
        return refused

    async def _post(self, events: Sequence[bytes]) -> _Outcome:
        if self._stop.is_set():
            raise StoppedError
        try:
            async with self._session.post(
                self._url, data=b"[" + b",".join(events) + b"]", allow_redirects=False
            ) as response:
                return _outcome_of(response, await _content(response))
        except (aiohttp.ClientError, TimeoutError, OSError) as error:
            return _Outcome(message=f"{type(error).__name__} {error}".strip())

    async def _pause(self, outcome: _Outcome, failures: int) -> None:
        """Wait before a repeat; raises StoppedError."""
        self.retries += 1
        if failures == 0:
            _log.warning(
                "events are not accepted and are sent again: %s",
                outcome.message,
                extra={"action": "follow_retry"},
            )
        longest = min(_FIRST_RETRY_MS << min(failures, _DOUBLINGS_MAX), _RETRY_MS_MAX)
        # Spread, so that many followers do not return at the same moment.
        wait_ms = max(outcome.wait_ms, random.randint(longest // 2, longest))  # noqa: S311
        try:
            async with asyncio.timeout(wait_ms / 1_000):
                await self._stop.wait()
        except TimeoutError:
            return
        raise StoppedError


def _groups(events: Sequence[bytes]) -> list[list[int]]:
    """Return the indices of events in batches that the intake accepts, the last one first."""
    groups: list[list[int]] = []
    size = 0
    for index, event in enumerate(events):
        size += len(event) + 1
        if not groups or len(groups[-1]) >= _EVENTS_MAX or size > _BYTES_MAX:
            groups.append([])
            size = len(event)
        groups[-1].append(index)
    return groups[::-1]


def _identity(event: Mapping[str, Any] | bytes) -> _Identity:
    one = _object(event) if isinstance(event, bytes) else event
    return one.get("source"), one.get("id")


async def _content(response: aiohttp.ClientResponse) -> bytes:
    """Return the body of a response; what is too long is cut, and is then not valid JSON."""
    try:
        return await response.content.readexactly(_RESPONSE_BYTES_MAX)
    except asyncio.IncompleteReadError as whole:
        return whole.partial


def _outcome_of(response: aiohttp.ClientResponse, content: bytes) -> _Outcome:
    """Return the outcome of a response; raises CommandError if repeating it is of no use."""
    body = _object(content)
    if response.status in {200, 202} and body.get("success") is True:
        return _Outcome(_accepted(body), message="the response does not list all events")
    code, error = str(body.get("code", "")), str(body.get("error", ""))
    message = f"status {response.status} {code or response.reason}: {error}"
    if response.status in _WRONG_REQUEST:
        raise CommandError(
            f"{response.url} refuses the events: {message} Check INTAKE_URL and INTAKE_TOKEN."
        )
    if (response.status == 400 and code in _FINAL_CODES) or response.status == 413:
        return _Outcome(refusal=code or "too_large", message=message)
    asked_seconds = retry_after_seconds(response.headers.get("Retry-After")) or 0
    return _Outcome(message=message, wait_ms=min(asked_seconds * 1_000, _ASKED_MS_MAX))


def _accepted(body: Mapping[str, Any]) -> Collection[_Identity]:
    """Return the events that a response lists; a response that is not the API's lists none."""
    data = body.get("data")
    listed = data.get("accepted") if isinstance(data, dict) else None
    if not isinstance(listed, list):
        return ()
    found = (_identity(one) for one in listed if isinstance(one, dict))
    return {each for each in found if all(isinstance(part, str) for part in each)}


def _object(content: bytes) -> dict[str, Any]:
    try:
        value = json.loads(content)
    except (ValueError, RecursionError):
        return {}
    return value if isinstance(value, dict) else {}
