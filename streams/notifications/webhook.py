"""Sends notifications as signed webhooks according to Standard Webhooks."""

from __future__ import annotations

import asyncio
import time
from typing import Final

from aiohttp import ClientResponse, ClientSession
from aiohttp.abc import AbstractResolver
from yarl import URL

from ledger.notifications.retry_policy import DeliveryResult, retry_after_seconds
from ledger.notifications.signatures import signature_headers
from streams.notifications.http import FAILURES, failure_of, make_session
from streams.notifications.sender import ATTEMPT_MS, Notification
from streams.notifications.targets import GuardedResolver, RefusedTargetError, check_url

_GONE: Final = 410
_STATUSES_WITH_RETRY_AFTER: Final = frozenset({429, 503})
_ID_PREFIX: Final = "msg_"


class WebhookSender:
    """Posts notifications to addresses chosen by users."""

    def __init__(
        self,
        *,
        allow_private: bool = False,
        resolver: AbstractResolver | None = None,
        timeout_ms: int = ATTEMPT_MS,
    ) -> None:
        """`allow_private` is unsafe: it allows webhooks to private addresses."""
        self._allow_private = allow_private
        self._resolver = GuardedResolver(allow_private=allow_private, resolver=resolver)
        self._timeout_ms = timeout_ms
        self._session: ClientSession | None = None

    async def send(self, notice: Notification) -> DeliveryResult:
        """Post once; any response but 2xx is a failure, also a redirect."""
        try:
            async with asyncio.timeout(self._timeout_ms / 1000):
                return await self._post(notice)
        except RefusedTargetError as error:
            return DeliveryResult("permanent", error=str(error))
        except FAILURES as error:
            if isinstance(error.__cause__, RefusedTargetError):
                return DeliveryResult("permanent", error=str(error.__cause__))
            return failure_of(error, notice.address, notice.secret)

    async def _post(self, notice: Notification) -> DeliveryResult:
        url = URL(notice.address)
        check_url(url, allow_private=self._allow_private)
        message_id = _ID_PREFIX + notice.message_id
        now_seconds = int(time.time())
        headers = signature_headers(notice.secret or "", message_id, now_seconds, notice.body)
        headers["Content-Type"] = "application/json"
        # The response's body is not needed: it is not read, and the connection is closed.
        async with self._open().post(
            url, data=notice.body, headers=headers, allow_redirects=False
        ) as response:
            return _result(response)

    def _open(self) -> ClientSession:
        if self._session is None:
            self._session = make_session(self._resolver)
        return self._session

    async def close(self) -> None:
        """Close the session and the resolver."""
        if self._session is not None:
            await self._session.close()
        await self._resolver.close()


def _result(response: ClientResponse) -> DeliveryResult:
    status = response.status
    if 200 <= status < 300:
        return DeliveryResult("delivered", str(status))
    if status == _GONE:
        return DeliveryResult("gone", str(status), "The endpoint answered 410 Gone.")
    after = response.headers.get("Retry-After") if status in _STATUSES_WITH_RETRY_AFTER else None
    text = f"The endpoint answered {status}."
    return DeliveryResult("temporary", str(status), text, retry_after_seconds(after))
