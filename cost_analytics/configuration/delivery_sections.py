"""Settings of what the process `notices` does: deliver alerts, and look for anomalies."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final
from urllib.parse import unquote

from cost_analytics.configuration.secret import Secret
from cost_analytics.configuration.token_section import is_local
from cost_analytics.configuration.variable import Section, custom, flag, integer, optional, secret
from schemas.anomalies import LEGS, Leg

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
    """Return the address that mail comes from: as set, else the account where that is one."""
    smtp = reader.url("SMTP_URL", _SMTP_SCHEMES)
    given = reader.optional(name) or unquote(smtp.username or "" if smtp else "")
    if smtp and not _MAIL.fullmatch(given):
        reader.wrong(name, "must be the email address that notices come from.")
    return given or None


def _public_url(reader: Reader, name: str) -> str | None:
    """Return our address for links, without a slash at its end."""
    parts = reader.url(name, _WEB_SCHEMES)
    if parts is None:
        return None
    if parts.scheme == "http" and not is_local(parts.hostname or ""):
        reader.wrong(name, "must be https: its links carry secret tokens.")
    if parts.query or parts.fragment or parts.username is not None or not parts.geturl().isascii():
        reader.wrong(name, "must be an ASCII address without user, query and fragment.")
    return parts.geturl().rstrip("/")


def _legs(reader: Reader, name: str) -> tuple[Leg, ...]:
    words = reader.words(name)
    for word in words if words != ("none",) else ():
        if word not in LEGS:
            reader.wrong(name, f"must be none, or some of {', '.join(LEGS)}.")
    return tuple(leg for leg in LEGS if leg in words)


@dataclass(frozen=True, slots=True)
class DeliverySection(Section):
    """How alerts reach people; an empty address switches a way off."""

    smtp_url: Secret = custom(
        "SMTP_URL",
        Secret(""),
        "Where mail is handed in: `smtp://user:password@host:587` (STARTTLS, which is demanded "
        "where there is a password) or `smtps://…:465`. Unset: no channels of type `email`.",
        _smtp_url,
        secret=True,
    )
    smtp_from: str | None = custom(
        "SMTP_FROM",
        None,
        "The email address that notices come from. Unset: the user of `SMTP_URL`.",
        _smtp_from,
    )
    public_url: str | None = custom(
        "PUBLIC_URL",
        None,
        "Where the recipients of mails reach the API, such as `https://costs.example.com`. With it "
        "mail programs can turn a channel off (`List-Unsubscribe`). Unset: they cannot.",
        _public_url,
    )
    sms_url: str | None = optional(
        "SMS_URL",
        "Where messages are posted, `https`; with Twilio "
        "`https://api.twilio.com/2010-04-01/Accounts/AC…/Messages.json`. Unset: no channels of "
        "type `sms`.",
    )
    sms_username: str | None = optional("SMS_USERNAME", "Account at the provider.")
    sms_password: Secret = secret("SMS_PASSWORD", "Its key.")
    sms_from: str | None = optional(
        "SMS_FROM",
        "Number or name that messages come from, or a messaging service of Twilio's (`MG…`).",
    )
    webhook_allow_private: bool = flag(
        "WEBHOOK_ALLOW_PRIVATE",
        False,
        "**Unsafe**, for development and tests only: `true` lets users send webhooks by plain "
        "HTTP, to any port, and into the network that this runs in. Set it alike for `api` and "
        "`notices`.",
    )

    def check(self, reader: Reader) -> None:
        """Note settings of SMS that are incomplete or send the key in plain text."""
        sms = [each.name for each in self.variables() if each.name.startswith("SMS_")]
        if any(map(reader.is_set, sms)):
            for name in sms:
                reader.required(name, ", but another SMS setting is")
        provider = reader.url("SMS_URL", _WEB_SCHEMES)
        if provider and provider.scheme == "http" and not is_local(provider.hostname or ""):
            reader.wrong("SMS_URL", "must be https: the account's key is sent there.")

    def channel_types(self) -> tuple[ChannelType, ...]:
        """Return the ways that are set up."""
        email: tuple[ChannelType, ...] = ("email",) if self.smtp_url else ()
        sms: tuple[ChannelType, ...] = ("sms",) if self.sms_url else ()
        return (*email, *sms, "webhook")


@dataclass(frozen=True, slots=True)
class AnomalySection(Section):
    """After how long a call's costs are taken for complete, and where a call must have any."""

    grace_minutes: int = integer(
        "ANOMALY_GRACE_MINUTES",
        15,
        (1, 1_440),
        "After so many minutes without news of a call its costs are taken for complete, and a cost "
        "that is missing is an anomaly ([anomalies](anomalies.md)).",
    )
    legs: tuple[Leg, ...] = custom(
        "ANOMALY_LEGS",
        LEGS,
        "Where a finished call must have cost something, with commas; `none` for nowhere.",
        _legs,
    )
