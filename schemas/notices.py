"""Bodies about notices: where a user wants to be told, what became of it, and what webhooks get."""

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
"""Channels that one user may have."""

SECRET_PREFIX: Final = "whsec_"  # noqa: S105 - how Standard Webhooks marks a secret
VERIFICATION_TYPE: Final = "channel.verification"
TEST_TYPE: Final = "channel.test"


def _milliseconds_name(name: str) -> str:
    """Translate a field name; a duration in milliseconds keeps its unit."""
    return name if name.endswith("_ms") else wire_name(name)


class Channel(Struct, kw_only=True, rename=wire_name):
    """Where a user wants to be told of alerts. Times are UTC.

    `reason` says why it is disabled. `failures` counts attempts since the last success.
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
    """A channel that was just made. `secret`, which signs webhooks, is never shown again."""

    secret: str | None


class Channels(Struct, kw_only=True, rename=wire_name):
    """All channels of a user, oldest first."""

    channels: list[Channel]


class WantedChannel(Struct, kw_only=True, rename=wire_name, forbid_unknown_fields=True):
    """A channel to make."""

    type: ChannelType
    address: str


class Proof(Struct, kw_only=True, rename=wire_name, forbid_unknown_fields=True):
    """The code that was sent to a channel; without one, a new code is asked for."""

    code: str | UnsetType = UNSET


class Attempt(Struct, kw_only=True, rename=_milliseconds_name):
    """One attempt to deliver a notice; `status` is the HTTP status or the SMTP reply."""

    number: int
    at: datetime
    duration_ms: int | None
    outcome: AttemptOutcome
    status: str | None
    error: str | None


class Delivery(Struct, kw_only=True, rename=wire_name):
    """One notice to one channel. `delivery_id` is the same in all attempts."""

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
    """The newest deliveries to a channel; `next_cursor` is null where there are no older ones."""

    deliveries: list[Delivery]
    next_cursor: str | None


class Requested(Struct, kw_only=True, rename=wire_name):
    """A message that will be sent in a moment."""

    delivery_id: str


class ChannelMessage(Struct, kw_only=True, rename=wire_name):
    """What a webhook is told of its own channel; `challenge` verifies it and is null in tests."""

    channel_id: str
    message: str
    challenge: str | None


class WebhookEvent(Struct, kw_only=True):
    """The body of a webhook: `data` is a BudgetAlert, or a ChannelMessage on the channel itself."""

    type: str
    timestamp: datetime
    data: Raw
