"""Settings of the process `commands`: vendors' accounts, and the webhook of commands."""

from __future__ import annotations

import base64
import re
from binascii import Error as BinasciiError
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from cost_analytics.configuration.secret import Secret
from cost_analytics.configuration.token_section import is_local
from cost_analytics.configuration.variable import Section, custom, integer, optional, secret

if TYPE_CHECKING:
    from cost_analytics.configuration.reader import Reader

_WEB_SCHEMES: Final = ("https", "http")
_SECRET_PREFIX: Final = "whsec_"  # noqa: S105 - how Standard Webhooks marks a secret
_SECRET_BYTES_MIN: Final = 24
_TWILIO_URL: Final = "https://api.twilio.com"
_TELNYX_URL: Final = "https://api.telnyx.com"
_RETELL_URL: Final = "https://api.retellai.com"
_VAPI_HOSTS: Final = ("vapi.ai",)
_HOST: Final = re.compile(r"[A-Za-z0-9-]+(?:\.[A-Za-z0-9-]+)*")
_LIVEKIT_SCHEMES: Final = {"wss": "https", "https": "https", "ws": "http", "http": "http"}
_REQUIRED_TOGETHER: Final = (
    ("COMMANDS_WEBHOOK_URL", "COMMANDS_WEBHOOK_SECRET"),
    ("TWILIO_ACCOUNT_SID", "TWILIO_AUTH_TOKEN"),
    ("LIVEKIT_URL", "LIVEKIT_API_KEY", "LIVEKIT_API_SECRET"),
)


def _vendor_url(reader: Reader, name: str, default: str) -> str:
    """Return a vendor's address without a slash at its end; credentials are sent there."""
    parts = reader.url(name, _WEB_SCHEMES)
    if parts is None:
        return default
    if parts.scheme == "http" and not is_local(parts.hostname or ""):
        reader.add_error(name, "must be https: credentials are sent there.")
    return parts.geturl().rstrip("/")


def _webhook_url(reader: Reader, name: str) -> str | None:
    parts = reader.url(name, _WEB_SCHEMES)
    return None if parts is None else parts.geturl()


def _webhook_secret(reader: Reader, name: str) -> Secret:
    value = reader.secret(name)
    if value:
        try:
            key = base64.b64decode(value.reveal().removeprefix(_SECRET_PREFIX), validate=True)
        except (BinasciiError, ValueError):
            key = b""
        if not value.reveal().startswith(_SECRET_PREFIX) or len(key) < _SECRET_BYTES_MIN:
            reader.add_error(
                name,
                f"must be `{_SECRET_PREFIX}` and the base64 of at least {_SECRET_BYTES_MIN} bytes; "
                f'`echo "{_SECRET_PREFIX}$(openssl rand -base64 32)"` makes one.',
            )
    return value


def _livekit_url(reader: Reader, name: str) -> str | None:
    """Return the server's HTTP address; LiveKit's own tools are configured with wss://."""
    parts = reader.url(name, tuple(_LIVEKIT_SCHEMES))
    if parts is None:
        return None
    return parts._replace(scheme=_LIVEKIT_SCHEMES[parts.scheme]).geturl().rstrip("/")


def _hosts(reader: Reader, name: str) -> tuple[str, ...]:
    hosts = reader.items(name)
    for host in hosts:
        if not _HOST.fullmatch(host):
            reader.add_error(name, f'must be names of hosts like vapi.ai, not "{host}".')
    return hosts


@dataclass(frozen=True, slots=True)
class CommandSection(Section):
    """The receivers of commands; a vendor without credentials is not used."""

    deadline_seconds: int = integer(
        "COMMAND_DEADLINE_SECONDS",
        600,
        (10, 86_400),
        "A command that no attempt has executed after this time is `expired`.",
    )
    webhook_url: str | None = custom(
        "COMMANDS_WEBHOOK_URL",
        None,
        "The address that receives commands which no vendor executes ([control](control.md)). "
        "Unset: these commands are `unsupported`.",
        _webhook_url,
    )
    webhook_secret: Secret = custom(
        "COMMANDS_WEBHOOK_SECRET",
        Secret(""),
        "The secret that signs these webhooks: `whsec_…`, as Standard Webhooks defines it.",
        _webhook_secret,
        secret=True,
    )
    twilio_account_sid: str | None = optional(
        "TWILIO_ACCOUNT_SID",
        "The account (`AC…`) whose calls are ended. Unset: no command goes to Twilio.",
    )
    twilio_auth_token: Secret = secret(
        "TWILIO_AUTH_TOKEN", "The account's token, or the secret of `TWILIO_API_KEY`."
    )
    twilio_api_key: str | None = optional(
        "TWILIO_API_KEY", "An API key (`SK…`) to sign in with instead of the account."
    )
    twilio_url: str = custom(
        "TWILIO_URL",
        _TWILIO_URL,
        "Twilio's address, for regions such as `https://api.dublin.ie1.twilio.com`.",
        lambda reader, name: _vendor_url(reader, name, _TWILIO_URL),
    )
    telnyx_api_key: Secret = secret(
        "TELNYX_API_KEY",
        "The key of the account whose calls are ended. Unset: no command goes to Telnyx.",
    )
    telnyx_url: str = custom(
        "TELNYX_URL",
        _TELNYX_URL,
        "Telnyx's address.",
        lambda reader, name: _vendor_url(reader, name, _TELNYX_URL),
    )
    vapi_control_hosts: tuple[str, ...] = custom(
        "VAPI_CONTROL_HOSTS",
        _VAPI_HOSTS,
        "Hosts of Vapi's control addresses, separated by commas, with their subdomains. Calls name "
        "their own address, and no other host is connected to.",
        _hosts,
    )
    retell_api_key: Secret = secret(
        "RETELL_API_KEY",
        "The key of the account whose calls are ended. Unset: no command goes to Retell.",
    )
    retell_url: str = custom(
        "RETELL_URL",
        _RETELL_URL,
        "Retell's address.",
        lambda reader, name: _vendor_url(reader, name, _RETELL_URL),
    )
    livekit_url: str | None = custom(
        "LIVEKIT_URL",
        None,
        "The LiveKit server whose rooms are deleted and whose agents get messages, such as "
        "`wss://project.livekit.cloud`. Unset: no command goes to LiveKit.",
        _livekit_url,
    )
    livekit_api_key: str | None = optional("LIVEKIT_API_KEY", "The key of the server's tokens.")
    livekit_api_secret: Secret = secret("LIVEKIT_API_SECRET", "The secret of the key.")

    def check(self, reader: Reader) -> None:
        """Report credentials that are incomplete."""
        for names in _REQUIRED_TOGETHER:
            if any(map(reader.is_set, names)):
                for name in names:
                    others = ", ".join(other for other in names if other != name)
                    reader.required(name, f", but {others} is")
