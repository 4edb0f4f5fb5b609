"""Sends notifications as signed webhooks according to Standard Webhooks."""

from __future__ import annotations

import time
from typing import Final

from aiohttp.abc import AbstractResolver

from ledger.notifications.retry_policy import DeliveryResult
from ledger.notifications.signatures import signature_headers
from streams.notifications.guarded_client import GuardedClient, Response
from streams.notifications.sender import ATTEMPT_MS, Notification

_GONE: Final = 410
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
        self._client = GuardedClient(
            allow_private=allow_private, resolver=resolver, timeout_ms=timeout_ms
        )

    async def send(self, notification: Notification) -> DeliveryResult:
        """Post once; any response but 2xx is a failure, also a redirect."""
        message_id = _ID_PREFIX + notification.message_id
        headers = signature_headers(
            notification.secret or "", message_id, int(time.time()), notification.body
        )
        response = await self._client.post(
            notification.address,
            notification.body,
            headers,
            notification.address,
            notification.secret,
        )
        return response if isinstance(response, DeliveryResult) else _result(response)

    async def close(self) -> None:
        await self._client.close()


def _result(response: Response) -> DeliveryResult:
    status = response.status
    if 200 <= status < 300:
        return DeliveryResult("delivered", str(status))
    if status == _GONE:
        return DeliveryResult("gone", str(status), "The endpoint answered 410 Gone.")
    text = f"The endpoint answered {status}."
    return DeliveryResult("temporary", str(status), text, response.retry_after_seconds)
