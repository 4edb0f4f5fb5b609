"""Bodies of the endpoints of vendors' webhooks, of held calls, and of a call's vendor."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any, Final

from msgspec import Meta, Struct, field

from schemas.events import Text
from schemas.jsonio import wire_name

REPLAY_SECONDS_MIN: Final = 30
REPLAY_SECONDS_MAX: Final = 86_400
REPLAY_SECONDS: Final = 300
"""The default age up to which a signed delivery is accepted."""
SECRET_CHARACTERS_MAX: Final = 1_000

SecretText = Annotated[str, Meta(min_length=8, max_length=SECRET_CHARACTERS_MAX)]


class WebhookSecretItem(Struct, kw_only=True, rename=wire_name):
    """A secret of an endpoint without its text."""

    id: int
    created_by: str
    created_at: datetime


class WebhookEndpointItem(Struct, kw_only=True, rename=wire_name):
    """An endpoint of a vendor's webhooks. `path` is the path of its address.

    `accepted_at` and `refused_at` are the times of its last accepted and last refused delivery;
    `refusal` is the reason of the latter. Up to two of its secrets are valid at a time.
    """

    id: str
    provider: str
    name: str
    path: str
    user_path: str
    call_path: str | None
    replay_window_seconds: int
    settings: dict[str, Any]
    created_by: str
    created_at: datetime
    accepted_at: datetime | None
    refused_at: datetime | None
    refusal: str | None
    secrets: list[WebhookSecretItem]


class WebhookEndpointList(Struct, kw_only=True, rename=wire_name):
    """All endpoints, the newest first."""

    endpoints: list[WebhookEndpointItem]


class WantedWebhookEndpoint(Struct, kw_only=True, rename=wire_name, forbid_unknown_fields=True):
    """An endpoint to create. Fields that are left out have the provider's default.

    `user_path` is where a delivery names the user, `call_path` where it names our call: names
    joined by dots, such as `call.metadata.userId`. `secret` is the vendor's secret or public key;
    without it, a secret is created if the vendor lets you choose one.
    """

    provider: Text
    name: Text
    user_path: Text | None = None
    call_path: Text | None = None
    replay_window_seconds: Annotated[int, Meta(ge=REPLAY_SECONDS_MIN, le=REPLAY_SECONDS_MAX)] = (
        REPLAY_SECONDS
    )
    settings: dict[str, Any] = field(default_factory=dict)
    secret: SecretText | None = None


class NewWebhookEndpoint(Struct, kw_only=True, rename=wire_name):
    """A new endpoint. `secret` is the secret that was created for it; it is not shown again."""

    item: WebhookEndpointItem
    secret: str | None


class WantedWebhookSecret(Struct, kw_only=True, rename=wire_name, forbid_unknown_fields=True):
    """A secret to add: the vendor's; without `secret` one is created."""

    secret: SecretText | None = None


class AcceptedWebhook(Struct, kw_only=True, rename=wire_name):
    """The response to a delivery: the number of its events that are stored in Kafka.

    `ignored` says why a valid delivery has no events, `refused` which parts of it do not count.
    """

    events: int
    ignored: str | None = None
    refused: str | None = None


class HeldCall(Struct, kw_only=True, rename=wire_name):
    """A call with held events: they are counted once the call has a user."""

    call_id: str
    events: int
    types: list[str]
    sources: list[str]
    first_at: datetime
    held_at: datetime


class HeldCallPage(Struct, kw_only=True, rename=wire_name):
    """Calls with held events, by id; `next_cursor` is null on the last page."""

    calls: list[HeldCall]
    next_cursor: str | None


class Assignment(Struct, kw_only=True, rename=wire_name, forbid_unknown_fields=True):
    """The user to whom a call belongs."""

    user_id: Text


class CallProvider(Struct, kw_only=True, rename=wire_name):
    """The vendor that carries a call; each field is null if no event of the call names it."""

    call_id: str
    provider: str | None
    provider_call_id: str | None
    control_url: str | None
