"""Sends SMS through an HTTP provider: Twilio's Messages API or a compatible one."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from typing import Final

import msgspec
from aiohttp import ClientResponse, ClientSession, encode_basic_auth

from ledger.notifications.retry_policy import DeliveryResult, retry_after_seconds, storable_error
from streams.notifications.http import FAILURES, failure_of, make_session, read_beginning
from streams.notifications.sender import ATTEMPT_MS, Notification

TEXT_CHARACTERS_MAX: Final = 480
"""The length of three messages, which phones join."""

_GONE_CODES: Final = frozenset({21211, 21610, 21614})
"""The number does not exist, has unsubscribed, or cannot receive SMS."""
_RETRYABLE_STATUSES: Final = frozenset({401, 403, 408, 429})
"""Statuses about our account or rate, which may differ at the next attempt."""
_SERVICE_PREFIX: Final = "MG"
"""The prefix of Twilio's messaging services, which select the sending number."""


@dataclass(frozen=True, slots=True)
class SmsProvider:
    """The provider's URL and account, and the sending number or name."""

    url: str
    username: str
    password: str = field(repr=False)
    sender: str


class _ErrorBody(msgspec.Struct):
    """The body of a provider's response to a refused message: an error's code and text."""

    code: int = 0
    message: str = ""


_decoder: Final = msgspec.json.Decoder(_ErrorBody)


class SmsSender:
    """Sends through one provider."""

    def __init__(self, provider: SmsProvider, *, timeout_ms: int = ATTEMPT_MS) -> None:
        self._provider = provider
        self._timeout_ms = timeout_ms
        self._session: ClientSession | None = None

    async def send(self, notification: Notification) -> DeliveryResult:
        """Send once; permanent refusals of the provider are not retried."""
        provider = self._provider
        form = {"To": notification.address, "Body": notification.text.strip()[:TEXT_CHARACTERS_MAX]}
        is_service = provider.sender.startswith(_SERVICE_PREFIX)
        form["MessagingServiceSid" if is_service else "From"] = provider.sender
        if self._session is None:
            self._session = make_session()
        try:
            async with (
                asyncio.timeout(self._timeout_ms / 1000),
                self._session.post(
                    provider.url,
                    data=form,
                    headers={
                        "Authorization": encode_basic_auth(provider.username, provider.password),
                        # Twilio ignores it; providers that support it will not send twice.
                        "Idempotency-Key": notification.message_id,
                    },
                    allow_redirects=False,
                ) as response,
            ):
                return await self._result(response, notification)
        except FAILURES as error:
            return failure_of(error, notification.address, provider.password)

    async def _result(self, response: ClientResponse, notification: Notification) -> DeliveryResult:
        status = response.status
        if 200 <= status < 300:
            return DeliveryResult("delivered", str(status))
        body = await _read_error(response)
        text = storable_error(body.message, notification.address, self._provider.password)
        text = f"The provider answered {status}, error {body.code}: {text}"
        if body.code in _GONE_CODES:
            return DeliveryResult("gone", str(status), text)
        if status >= 500 or status < 400 or status in _RETRYABLE_STATUSES:
            after = retry_after_seconds(response.headers.get("Retry-After"))
            return DeliveryResult("temporary", str(status), text, after)
        return DeliveryResult("permanent", str(status), text)

    async def close(self) -> None:
        if self._session is not None:
            await self._session.close()


async def _read_error(response: ClientResponse) -> _ErrorBody:
    """Return the response's error, as far as it can be decoded."""
    try:
        return _decoder.decode(await read_beginning(response))
    except (msgspec.DecodeError, UnicodeDecodeError):
        return _ErrorBody()
