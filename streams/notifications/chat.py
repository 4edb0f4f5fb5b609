"""Sends notifications to Slack, Discord and Microsoft Teams by their webhook addresses."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Final, NamedTuple

import msgspec
from aiohttp.abc import AbstractResolver
from yarl import URL

from ledger.notifications.retry_policy import DeliveryResult, storable_error
from schemas.notices import ChatType
from streams.notifications.chat_formats import discord_body, slack_body, teams_body
from streams.notifications.guarded_client import GuardedClient, Response
from streams.notifications.sender import ATTEMPT_MS, Notification

_GONE_STATUSES: Final = frozenset({404, 410})
_RETRYABLE_STATUSES: Final = frozenset({401, 403, 408, 429})
"""They may come from a proxy of our network, unless the error says that the address is gone."""
_SHOWN_CHARACTERS_MAX: Final = 100

_SLACK_GONE: Final = frozenset(
    {
        "action_prohibited", "channel_is_archived", "channel_not_found", "invalid_token",
        "no_active_hooks", "no_service", "no_service_id", "no_team", "team_disabled",
        "user_not_found",
    }
)  # fmt: skip
_DISCORD_GONE: Final = frozenset({"10003", "10015", "50027"})
"""Unknown channel, unknown webhook, invalid webhook token."""
_TEAMS_GONE: Final = frozenset(
    {
        "DirectApiAuthorizationRequired", "DirectApiInvalidAuthorizationScheme", "Forbidden",
        "InvalidSasToken", "Unauthorized", "WorkflowNotFound", "WorkflowTriggerIsNotEnabled",
    }
)  # fmt: skip


class ChatService(NamedTuple):
    """The formats of a service, and those of its errors that mean that an address is gone."""

    name: str
    body_of: Callable[[Notification], bytes]
    error_of: Callable[[bytes], str]
    gone_errors: frozenset[str]


class _DiscordError(msgspec.Struct):
    code: int = 0


class _TeamsDetail(msgspec.Struct):
    code: str = ""


class _TeamsError(msgspec.Struct):
    error: _TeamsDetail = msgspec.field(default_factory=_TeamsDetail)


_decode_discord: Final = msgspec.json.Decoder(_DiscordError).decode
_decode_teams: Final = msgspec.json.Decoder(_TeamsError).decode


def _slack_error(body: bytes) -> str:
    return body.decode(errors="replace").strip()


def _discord_error(body: bytes) -> str:
    try:
        return str(_decode_discord(body).code)
    except (msgspec.DecodeError, UnicodeDecodeError):
        return ""


def _teams_error(body: bytes) -> str:
    try:
        return _decode_teams(body).error.code
    except (msgspec.DecodeError, UnicodeDecodeError):
        return ""


SERVICES: Final[Mapping[ChatType, ChatService]] = {
    "slack": ChatService("Slack", slack_body, _slack_error, _SLACK_GONE),
    "discord": ChatService("Discord", discord_body, _discord_error, _DISCORD_GONE),
    "teams": ChatService("Teams", teams_body, _teams_error, _TEAMS_GONE),
}


class ChatSender:
    """Posts messages to one service."""

    def __init__(
        self,
        kind: ChatType,
        *,
        allow_private: bool = False,
        resolver: AbstractResolver | None = None,
        timeout_ms: int = ATTEMPT_MS,
    ) -> None:
        """`allow_private` is unsafe: it allows private addresses."""
        self._kind = kind
        self._service = SERVICES[kind]
        self._client = GuardedClient(
            allow_private=allow_private, resolver=resolver, timeout_ms=timeout_ms
        )

    async def send(self, notification: Notification) -> DeliveryResult:
        """Post once; an address that the service no longer knows is gone."""
        # Encoding a signed address again would change it.
        url = URL(notification.address, encoded=True)
        if self._kind == "discord":
            url = url.update_query(wait="true")  # answers once the message is stored
        response = await self._client.post(
            url, self._service.body_of(notification), {}, notification.address, reads_body=True
        )
        if isinstance(response, DeliveryResult):
            return response
        return result_of(self._service, response, notification.address)

    async def close(self) -> None:
        await self._client.close()


def result_of(service: ChatService, response: Response, address: str) -> DeliveryResult:
    """Return the result of an attempt from the service's response."""
    status = str(response.status)
    if 200 <= response.status < 300:
        return DeliveryResult("delivered", status)
    error = service.error_of(response.body)
    shown = storable_error(error, address)[:_SHOWN_CHARACTERS_MAX]
    text = f"{service.name} answered {status}" + (f" ({shown})." if shown else ".")
    if response.status in _GONE_STATUSES or error in service.gone_errors:
        text += " The address no longer works: create a new one."
        return DeliveryResult("gone", status, text)
    is_retryable = response.status in _RETRYABLE_STATUSES
    if is_retryable or not 400 <= response.status < 500:
        return DeliveryResult("temporary", status, text, response.retry_after_seconds)
    return DeliveryResult("permanent", status, text)
