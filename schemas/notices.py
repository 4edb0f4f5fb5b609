"""Bodies of notifications: a user's channels, their deliveries, and the body of a webhook."""

from __future__ import annotations

from datetime import datetime
from typing import Final, Literal

from msgspec import UNSET, Raw, Struct, UnsetType

from schemas.jsonio import wire_name

ChannelType = Literal["email", "sms", "webhook"]
ChannelState = Literal["unverified", "verified", "disabled"]
NoticeKind = Literal["alert", "verification", "test"]
DeliveryState = Literal["pending", "delivering", "delivered", "failed", "skipped"]
AttemptOutcome = Literal["under way", "delivered", "temporary", "permanent", "gone", "interrupted"]

CHANNELS_MAX: Final = 10
"""The maximum number of channels of a user."""

SECRET_PREFIX: Final = "whsec_"  # noqa: S105 - how Standard Webhooks marks a secret
VERIFICATION_TYPE: Final = "channel.verification"
TEST_TYPE: Final = "channel.test"


def _milliseconds_name(name: str) -> str:
    """Return the JSON name of a field; a duration in milliseconds keeps its unit."""
    return name if name.endswith("_ms") else wire_name(name)


class Channel(Struct, kw_only=True, rename=wire_name):
    """An address that receives a user's alerts. Times are UTC.

    `reason` is why it is disabled. `failures` counts the attempts since the last success.
    """

    channel_id: str
    type: ChannelType
    address: str
    state: ChannelState
    reason: str | None
    created_at: datetime
    verified_at: datetime | None
    delivered_at: datetime | None
    failures: int


class NewChannel(Channel, kw_only=True, rename=wire_name):
    """A new channel. `secret` signs its webhooks and is never shown again."""

    secret: str | None


class Channels(Struct, kw_only=True, rename=wire_name):
    """All channels of a user, oldest first."""

    channels: list[Channel]


class WantedChannel(Struct, kw_only=True, rename=wire_name, forbid_unknown_fields=True):
    """A channel to create."""

    type: ChannelType
    address: str


class Proof(Struct, kw_only=True, rename=wire_name, forbid_unknown_fields=True):
    """The code that was sent to a channel; without it, a new code is sent."""

    code: str | UnsetType = UNSET


class Attempt(Struct, kw_only=True, rename=_milliseconds_name):
    """One attempt to deliver a notification; `status` is the HTTP status or the SMTP reply."""

    number: int
    at: datetime
    duration_ms: int | None
    outcome: AttemptOutcome
    status: str | None
    error: str | None


class Delivery(Struct, kw_only=True, rename=wire_name):
    """One notification to one channel. `delivery_id` is the same in all attempts."""

    delivery_id: str
    kind: NoticeKind
    alert_id: str | None
    state: DeliveryState
    reason: str | None
    created_at: datetime
    next_attempt_at: datetime | None
    delivered_at: datetime | None
    attempts: list[Attempt]


class Deliveries(Struct, kw_only=True, rename=wire_name):
    """A page of deliveries to a channel, newest first; `next_cursor` is null on the last page."""

    deliveries: list[Delivery]
    next_cursor: str | None


class Requested(Struct, kw_only=True, rename=wire_name):
    """A message that will be sent shortly."""

    delivery_id: str


class ChannelMessage(Struct, kw_only=True, rename=wire_name):
    """A webhook about its own channel; `challenge` verifies the channel, null in tests."""

    channel_id: str
    message: str
    challenge: str | None


class WebhookEvent(Struct, kw_only=True):
    """The body of a webhook: `data` is a BudgetAlert, or a ChannelMessage about the channel."""

    type: str
    timestamp: datetime
    data: Raw
