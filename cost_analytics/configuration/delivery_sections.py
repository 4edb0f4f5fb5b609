"""Settings of the process `notices`: delivery of alerts, and detection of anomalies."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final
from urllib.parse import unquote

from cost_analytics.configuration.secret import Secret
from cost_analytics.configuration.token_section import is_local
from cost_analytics.configuration.variable import Section, custom, flag, integer, optional, secret
from schemas.anomalies import LEGS, Leg
from schemas.notices import CHAT_TYPES

if TYPE_CHECKING:
    from cost_analytics.configuration.reader import Reader
    from schemas.notices import ChannelType

_SMTP_SCHEMES: Final = ("smtp", "smtps")
_WEB_SCHEMES: Final = ("https", "http")
_MAIL: Final = re.compile(r"[!-?A-~]+@[A-Za-z0-9.-]+")


def _smtp_url(reader: Reader, name: str) -> Secret:
    reader.url(name, _SMTP_SCHEMES)
    return reader.secret(name)


def _smtp_from(reader: Reader, name: str) -> str | None:
    """Return the From address of mails: the setting, else the account if it is an address."""
    smtp = reader.url("SMTP_URL", _SMTP_SCHEMES)
    sender = reader.optional(name) or unquote(smtp.username or "" if smtp else "")
    if smtp and not _MAIL.fullmatch(sender):
        reader.add_error(name, "must be the email address that notifications are sent from.")
    return sender or None


def _public_url(reader: Reader, name: str) -> str | None:
    """Return our address for links, without a slash at its end."""
    return _link_base(reader, name, "its links carry secret tokens")


def _dashboard_url(reader: Reader, name: str) -> str | None:
    """Return the dashboard's address, without a slash at its end."""
    return _link_base(reader, name, "users sign in there")


def _link_base(reader: Reader, name: str, why_encrypted: str) -> str | None:
    parts = reader.url(name, _WEB_SCHEMES)
    if parts is None:
        return None
    if parts.scheme == "http" and not is_local(parts.hostname or ""):
        reader.add_error(name, f"must be https: {why_encrypted}.")
    if parts.query or parts.fragment or parts.username is not None or not parts.geturl().isascii():
        reader.add_error(name, "must be an ASCII address without user, query and fragment.")
    return parts.geturl().rstrip("/")


def _legs(reader: Reader, name: str) -> tuple[Leg, ...]:
    names = reader.items(name)
    for name_of_leg in names if names != ("none",) else ():
        if name_of_leg not in LEGS:
            reader.add_error(name, f"must be none, or some of {', '.join(LEGS)}.")
    return tuple(leg for leg in LEGS if leg in names)


@dataclass(frozen=True, slots=True)
class DeliverySection(Section):
    """Delivery of notifications; an empty address turns its channel type off."""

    smtp_url: Secret = custom(
        "SMTP_URL",
        Secret(""),
        "The SMTP server: `smtp://user:password@host:587` (STARTTLS, required if there is a "
        "password) or `smtps://…:465`. Unset: no channels of type `email`.",
        _smtp_url,
        secret=True,
    )
    smtp_from: str | None = custom(
        "SMTP_FROM",
        None,
        "The email address that notifications are sent from. Unset: the user of `SMTP_URL`.",
        _smtp_from,
    )
    public_url: str | None = custom(
        "PUBLIC_URL",
        None,
        "The address of the API for recipients of mails, such as `https://costs.example.com`. With "
        "it, mails have an unsubscribe link (`List-Unsubscribe`). Unset: they have none. Webhooks "
        "of Twilio are signed for this address; unset: for the `Host` of the request.",
        _public_url,
    )
    dashboard_url: str | None = custom(
        "DASHBOARD_URL",
        None,
        "The address of the dashboard, for links in notifications. Unset: `PUBLIC_URL`; without "
        "both, notifications have no links.",
        _dashboard_url,
    )
    sms_url: str | None = optional(
        "SMS_URL",
        "The provider's `https` address for messages; for Twilio "
        "`https://api.twilio.com/2010-04-01/Accounts/AC…/Messages.json`. Unset: no channels of "
        "type `sms`.",
    )
    sms_username: str | None = optional("SMS_USERNAME", "The account at the provider.")
    sms_password: Secret = secret("SMS_PASSWORD", "The key of the account.")
    sms_from: str | None = optional(
        "SMS_FROM",
        "The sending number or name, or a messaging service of Twilio (`MG…`).",
    )
    webhook_allow_private: bool = flag(
        "WEBHOOK_ALLOW_PRIVATE",
        False,
        "**Unsafe**, for development and tests only: `true` lets users send webhooks by plain "
        "HTTP, to any port, and into our own network. Set the same for `api` and `notices`.",
    )

    def check(self, reader: Reader) -> None:
        """Report SMS settings that are incomplete or send the key unencrypted."""
        sms = [variable.name for variable in self.variables() if variable.name.startswith("SMS_")]
        if any(map(reader.is_set, sms)):
            for name in sms:
                reader.required(name, ", but another SMS setting is")
        provider = reader.url("SMS_URL", _WEB_SCHEMES)
        if provider and provider.scheme == "http" and not is_local(provider.hostname or ""):
            reader.add_error("SMS_URL", "must be https: the account's key is sent there.")

    def channel_types(self) -> tuple[ChannelType, ...]:
        """Return the channel types that are available."""
        email: tuple[ChannelType, ...] = ("email",) if self.smtp_url else ()
        sms: tuple[ChannelType, ...] = ("sms",) if self.sms_url else ()
        return (*email, *sms, "webhook", *CHAT_TYPES)


@dataclass(frozen=True, slots=True)
class AnomalySection(Section):
    """When the costs of a call are complete, and which legs must have a cost."""

    grace_minutes: int = integer(
        "ANOMALY_GRACE_MINUTES",
        15,
        (1, 1_440),
        "The costs of a call are considered complete after this many minutes without a change; a "
        "cost that is missing then is an anomaly ([anomalies](anomalies.md)).",
    )
    legs: tuple[Leg, ...] = custom(
        "ANOMALY_LEGS",
        LEGS,
        "The legs of which a finished call must have a cost, separated by commas; `none` for no "
        "leg.",
        _legs,
    )
