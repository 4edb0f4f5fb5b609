"""Bodies of notifications: a user's channels, their deliveries, and the body of a webhook."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Final, Literal, get_args

from msgspec import UNSET, Meta, Raw, Struct, UnsetType

from schemas.jsonio import wire_name

ChatType = Literal["slack", "discord", "teams"]
ChannelType = Literal["email", "sms", "webhook", ChatType]
CHAT_TYPES: Final[tuple[ChatType, ...]] = get_args(ChatType)
ChannelState = Literal["unverified", "verified", "disabled"]
ChannelKind = Literal[
    "alert", "anomaly", "forecast", "low_balance", "unpriced", "daily_digest", "weekly_digest"
]
"""The notifications that a channel can get; `alert` is an alert of a budget."""
CHANNEL_KINDS: Final[tuple[ChannelKind, ...]] = get_args(ChannelKind)
ADMINISTRATORS_KINDS: Final = frozenset[ChannelKind]({"alert", "unpriced"})
"""What channels of administrators can get: messages about all users."""
USERS_KINDS: Final = frozenset(CHANNEL_KINDS) - {"unpriced"}
"""What channels of users can get."""
DEFAULT_KINDS: Final[tuple[ChannelKind, ...]] = ("alert",)
"""The kinds of a channel whose owner did not choose: what a channel got before kinds existed."""
NoticeKind = Literal[ChannelKind, "verification", "test"]
DeliveryState = Literal["pending", "delivering", "delivered", "failed", "skipped"]
AttemptOutcome = Literal["under way", "delivered", "temporary", "permanent", "gone", "interrupted"]

ChosenKinds = Annotated[list[ChannelKind], Meta(max_length=20)]

CHANNELS_MAX: Final = 10
"""The maximum number of channels of a user."""

SECRET_PREFIX: Final = "whsec_"  # noqa: S105 - how Standard Webhooks marks a secret
VERIFICATION_TYPE: Final = "channel.verification"
TEST_TYPE: Final = "channel.test"


ClockTime = Annotated[str, Meta(pattern="^([01][0-9]|2[0-3]):[0-5][0-9]$", max_length=5)]


class QuietHours(Struct, kw_only=True, rename=wire_name):
    """From `start` until `end` (exclusive), also over midnight, only urgent messages are sent.

    `timezone` is an IANA time zone; null for the user's, and UTC for administrators' channels.
    """

    start: ClockTime
    end: ClockTime
    timezone: str | None


class WantedQuietHours(Struct, kw_only=True, rename=wire_name, forbid_unknown_fields=True):
    """Quiet hours to set; without `timezone` they are in the user's time zone."""

    start: ClockTime
    end: ClockTime
    timezone: Annotated[str, Meta(max_length=64)] | None = None


class Channel(Struct, kw_only=True, rename=wire_name):
    """An address that receives a user's notifications. Times are UTC.

    `reason` is why it is disabled. `failures` counts the failed attempts since the last success.
    `kinds` are the notifications that it gets, in alphabetical order.
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
    kinds: list[ChannelKind]
    quiet_hours: QuietHours | None


class NewChannel(Channel, kw_only=True, rename=wire_name):
    """A new channel. `secret` signs its webhooks and is never shown again."""

    secret: str | None


class Channels(Struct, kw_only=True, rename=wire_name):
    """All channels of a user, oldest first."""

    channels: list[Channel]


class WantedChannel(Struct, kw_only=True, rename=wire_name, forbid_unknown_fields=True):
    """A channel to create; without `kinds` it gets the alerts of budgets."""

    type: ChannelType
    address: str
    kinds: ChosenKinds | UnsetType = UNSET


class ChannelChange(Struct, kw_only=True, rename=wire_name, forbid_unknown_fields=True):
    """A change of a channel; absent fields stay, null removes the quiet hours."""

    kinds: ChosenKinds | UnsetType = UNSET
    quiet_hours: WantedQuietHours | UnsetType | None = UNSET


class Proof(Struct, kw_only=True, rename=wire_name, forbid_unknown_fields=True):
    """The code that was sent to a channel; without it, a new code is sent."""

    code: str | UnsetType = UNSET


class Attempt(Struct, kw_only=True, rename=wire_name):
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
    """The body of a webhook: `type` decides what `data` is.

    It is a BudgetAlert, an Anomaly, a ChannelMessage about the channel itself, or the data of a
    message about a balance, a forecast, a digest or usage without a price.
    """

    type: str
    timestamp: datetime
    data: Raw
