"""What every way of sending has in common, so that deliveries need not know which one it is."""

from __future__ import annotations

from datetime import datetime
from typing import Final, NamedTuple, Protocol

from ledger.notifications.retry_policy import DeliveryResult

ATTEMPT_MS: Final = 15_000
"""The most that one attempt may take, from the first look at the address to the last answer."""


class Notification(NamedTuple):
    """One message to one address. `message_id` is the same in all attempts.

    `text` and `html` are for people, `body` is the JSON for programs, signed with `secret`.
    `unsubscribe_token` names the channel in links that turn it off.
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


class ChannelSender(Protocol):
    """A way of sending. It may be used for several notices at the same time."""

    async def send(self, notice: Notification) -> DeliveryResult:
        """Try once, within ATTEMPT_MS, and say what came of it; raises nothing of its own."""

    async def close(self) -> None:
        """Close connections."""
