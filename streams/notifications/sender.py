"""The interface of senders."""

from __future__ import annotations

from datetime import datetime
from typing import Final, NamedTuple, Protocol

from ledger.notifications.retry_policy import DeliveryResult

ATTEMPT_MS: Final = 15_000
"""The maximum duration of an attempt, including name resolution."""


class Notification(NamedTuple):
    """A message to one address. `message_id` is the same in all attempts.

    `text` and `html` are for people, `body` is JSON for programs, signed with `secret`. `title`,
    `lines` and `link` are the parts of the text, for channels with their own format; `link` opens
    the dashboard's page about it. `unsubscribe_token` identifies the channel in unsubscribe links.
    """

    message_id: str
    address: str
    secret: str | None
    unsubscribe_token: str
    created_at: datetime
    subject: str
    text: str
    html: str
    body: bytes
    title: str
    lines: tuple[str, ...]
    link: str | None


class ChannelSender(Protocol):
    """Sends notifications; may be used concurrently."""

    async def send(self, notification: Notification) -> DeliveryResult:
        """Try once, within ATTEMPT_MS, and return the result; raises no errors of its own."""

    async def close(self) -> None:
        """Close connections."""
