"""A webhook delivery as received, and the events that a provider reads from it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, NamedTuple

from multidict import MultiMapping

from ledger.operations.webhooks import WebhookEndpoint


class SignatureError(Exception):
    """A delivery is not signed with a secret of its endpoint, or is too old."""


class EndpointSettingsError(Exception):
    """A setting of an endpoint is invalid; a sentence names it."""


class WebhookDelivery(NamedTuple):
    """A request to an endpoint; `addresses` are those to which the vendor may have sent it."""

    headers: MultiMapping[str]
    query: Mapping[str, str]
    addresses: tuple[str, ...]
    body: bytes
    received_at: datetime


class EventDraft(NamedTuple):
    """An event before it is checked. `id` follows from what it reports, so repeats count once.

    If `time` is None, the time of the delivery is used. `source` replaces the provider's source,
    with which it must begin.
    """

    type: str
    id: str
    time: datetime | None
    data: Mapping[str, Any]
    source: str | None = None


class DeliveryEvents(NamedTuple):
    """The events of a delivery; `ignored` says why there are none.

    `refused` says which parts could not be read; the others still count.
    """

    drafts: list[EventDraft]
    ignored: str | None = None
    refused: str | None = None


def no_settings(settings: Mapping[str, Any]) -> None:
    """Refuse all settings: the provider has none; raises EndpointSettingsError."""
    for name in settings:
        raise EndpointSettingsError(
            f"`settings.{name[:50]}` is unknown: this provider has no settings."
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class WebhookProvider:
    """A vendor whose webhooks are accepted.

    `verify` raises SignatureError. `read` is only called with verified deliveries and raises
    Refused. `user_path` and `call_path` are defaults. With
    `generates_secret`, an endpoint whose administrator gives no secret gets a generated one.
    `check_secret` returns the error of an invalid secret, to follow its name.
    """

    name: str
    verify: Callable[[WebhookDelivery, WebhookEndpoint], None]
    read: Callable[[WebhookDelivery, WebhookEndpoint], DeliveryEvents]
    user_path: str
    call_path: str | None = None
    generates_secret: bool
    check_settings: Callable[[Mapping[str, Any]], None] = no_settings
    check_secret: Callable[[str], str | None] = lambda _: None

    @property
    def source(self) -> str:
        """The source of its events, the same for all endpoints, so no event counts twice."""
        return f"/api/webhooks/{self.name}"
