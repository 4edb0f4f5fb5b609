"""Validates addresses of notification channels, and refuses private networks.

A user chooses a webhook's address, and we call it from inside our own network. So only public IP
addresses are allowed. `is_public` is applied to the address to which the socket connects.
"""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Callable, Mapping
from typing import Final, NamedTuple
from urllib.parse import urlsplit

from schemas.notices import ChannelType

IpAddress = ipaddress.IPv4Address | ipaddress.IPv6Address

EMAIL_CHARACTERS_MAX: Final = 254
URL_CHARACTERS_MAX: Final = 1_024
WEBHOOK_PORTS: Final = (443, 8443)

_LABEL: Final = r"[A-Za-z0-9](?:[A-Za-z0-9-]{0,61}[A-Za-z0-9])?"
_EMAIL: Final = re.compile(
    rf"[A-Za-z0-9!#$%&'*+/=?^_`{{|}}~-]+(?:\.[A-Za-z0-9!#$%&'*+/=?^_`{{|}}~-]+)*@{_LABEL}(?:\.{_LABEL})+"
)
_LOCAL_PART_MAX: Final = 64
_PHONE: Final = re.compile(r"\+[1-9][0-9]{6,14}")
_URL: Final = re.compile(r"https?://[!-\[\]-~]+")
_NAME: Final = re.compile(rf"{_LABEL}(?:\.{_LABEL})*\.?")

_NAT64: Final = ipaddress.IPv6Network("64:ff9b::/96")
_GLOBAL_V6: Final = ipaddress.IPv6Network("2000::/3")
_REFUSED: Final = tuple(
    map(
        ipaddress.ip_network,
        (
            "100.64.0.0/10",  # shared by the customers of one provider (RFC 6598)
            "168.63.129.16/32",  # a cloud's own service for its machines, on a public address
            "192.0.0.0/24",  # protocol assignments
            "192.88.99.0/24",  # relays of 6to4
            "198.18.0.0/15",  # benchmarks
            "2001::/23",  # protocol assignments, among them Teredo
            "2001:db8::/32",  # documentation
            "2002::/16",  # 6to4: holds an IPv4 address
            "3fff::/20",  # documentation
        ),
    )
)


class AddressError(Exception):
    """An invalid address; the message is a sentence that tells how to fix it."""


def is_public(text: str) -> bool:
    """Return whether an IP address is public; False if the text is not an address."""
    try:
        address: IpAddress = ipaddress.ip_address(text)
    except ValueError:
        return False
    if isinstance(address, ipaddress.IPv6Address):
        if address in _NAT64:
            return is_public(str(ipaddress.IPv4Address(int(address) & 0xFFFF_FFFF)))
        if address not in _GLOBAL_V6:  # IPv4-mapped, link-local, unique local, multicast …
            return False
    if any(address in network for network in _REFUSED if network.version == address.version):
        return False
    return address.is_global and not (address.is_multicast or address.is_reserved)


def canonical_address(
    channel_type: ChannelType, address: str, *, allow_private: bool = False
) -> str:
    """Return an address in canonical form; raises AddressError.

    `allow_private` allows webhooks with plain HTTP, on any port, in private networks.
    """
    address = address.strip()
    if channel_type == "webhook":
        return _webhook(address, allow_private=allow_private)
    if channel_type in _CHATS:
        return _chat(_CHATS[channel_type], address, allow_private=allow_private)
    return _FORMS[channel_type](address)


def _email(address: str) -> str:
    local, _, domain = address.rpartition("@")
    if (
        len(address) > EMAIL_CHARACTERS_MAX
        or len(local) > _LOCAL_PART_MAX
        or not _EMAIL.fullmatch(address)
    ):
        raise AddressError("`address` must be an email address such as alice@example.com.")
    return f"{local}@{domain.lower()}"


def _phone(address: str) -> str:
    digits = re.sub(r"[ ().-]", "", address)
    if not _PHONE.fullmatch(digits):
        raise AddressError(
            "`address` must be a phone number with its country code, such as +14155550123."
        )
    return digits


_FORMS: Final[Mapping[str, Callable[[str], str]]] = {"email": _email, "sms": _phone}


def _webhook(address: str, *, allow_private: bool) -> str:
    if len(address) > URL_CHARACTERS_MAX or not _URL.fullmatch(address):
        raise AddressError("`address` must be a URL such as https://example.com/alerts.")
    try:
        parts = urlsplit(address)
        port, host = parts.port, parts.hostname or ""
    except ValueError:
        raise AddressError("`address` has an invalid host or port.") from None
    if parts.username is not None or parts.password is not None or parts.fragment:
        raise AddressError("`address` must have no user name, password or fragment.")
    if port == 0:
        raise AddressError("`address` must not use port 0.")
    if ":" not in host and not _NAME.fullmatch(host):
        raise AddressError("`address` must name its host in ASCII, such as example.com.")
    if not allow_private:
        _check_target(parts.scheme, host, port)
    return address


class _ChatAddress(NamedTuple):
    """The hosts and the path of a service's webhook addresses; a host may begin with a dot."""

    hosts: tuple[str, ...]
    path: re.Pattern[str]
    example: str


_CHATS: Final[Mapping[str, _ChatAddress]] = {
    "slack": _ChatAddress(
        ("hooks.slack.com", "hooks.slack-gov.com"),
        re.compile(r"/services/[A-Za-z0-9_-]+(?:/[A-Za-z0-9_-]+)+"),
        "https://hooks.slack.com/services/T0000/B0000/XXXX",
    ),
    "discord": _ChatAddress(
        ("discord.com", "discordapp.com", "canary.discord.com", "ptb.discord.com"),
        re.compile(r"/api(?:/v[0-9]+)?/webhooks/[0-9]+/[A-Za-z0-9_-]+"),
        "https://discord.com/api/webhooks/123/XXXX",
    ),
    "teams": _ChatAddress(
        (".logic.azure.com", ".logic.azure.us", ".api.powerplatform.com", ".api.powerplatform.us"),
        re.compile(r"/(?:powerautomate/automations/direct/)?workflows/[A-Za-z0-9/_.~-]+"),
        "https://….logic.azure.com/workflows/…",
    ),
}


def _chat(service: _ChatAddress, address: str, *, allow_private: bool) -> str:
    """Return a valid webhook address of a chat service; `allow_private` allows any host."""
    address = _webhook(address, allow_private=allow_private)
    parts = urlsplit(address)
    host = (parts.hostname or "").rstrip(".")
    is_known = allow_private or any(
        host.endswith(known) if known.startswith(".") else host == known for known in service.hosts
    )
    if not is_known or not service.path.fullmatch(parts.path):
        raise AddressError(f"`address` must be a webhook address such as {service.example}.")
    return address


def _check_target(scheme: str, host: str, port: int | None) -> None:
    if scheme != "https":
        raise AddressError("`address` must begin with https://.")
    if port is not None and port not in WEBHOOK_PORTS:
        ports = " or ".join(map(str, WEBHOOK_PORTS))
        raise AddressError(f"`address` must use port {ports}.")
    is_number = ":" in host or host.rstrip(".").rsplit(".", 1)[-1].isdigit()
    if is_number and not is_public(host):
        raise AddressError("`address` must not point to a private network.")
    if not is_number and "." not in host.rstrip("."):
        raise AddressError("`address` must name a host with a domain, such as example.com.")
