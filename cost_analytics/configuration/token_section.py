"""Reads how bearer tokens are verified."""

from __future__ import annotations

import ipaddress
from typing import Final

from cost_analytics.configuration.reader import DEV_FILE_HINT, Reader
from cost_analytics.configuration.tree import TokenSection

SECRET_BYTES_MIN: Final = 32
_KEYS: Final = ("JWT_SECRET", "JWT_PUBLIC_KEY", "JWT_JWKS_URL")
_WAY_OUT: Final = "; `openssl rand -hex 32` makes a good one"


def tokens(reader: Reader) -> TokenSection:
    """Read how tokens are verified: by exactly one kind of key."""
    given = [name for name in _KEYS if reader.is_set(name)]
    if len(given) > 1:
        reader.wrong(" and ".join(given), "are set; give exactly one of them.")
    elif not given:
        reader.wrong(" or ".join(_KEYS), f"is not set; exactly one is needed{DEV_FILE_HINT}.")
    return TokenSection(
        secret=reader.strong_secret("JWT_SECRET", SECRET_BYTES_MIN, _WAY_OUT),
        public_key=_public_key(reader),
        jwks_url=_jwks_url(reader),
        issuer=reader.optional("JWT_ISSUER"),
        audience=reader.optional("JWT_AUDIENCE"),
        user_claim=reader.text("JWT_USER_CLAIM"),
        lifetime_seconds_max=reader.integer("JWT_LIFETIME_MAX_SECONDS", 60, 100 * 366 * 86_400),
    )


def _public_key(reader: Reader) -> str | None:
    """Return a public key that really is one; the library is only loaded where one is given."""
    name = "JWT_PUBLIC_KEY"
    text = reader.text(name).replace("\\n", "\n")
    if not text:
        return None
    from cryptography.exceptions import UnsupportedAlgorithm
    from cryptography.hazmat.primitives.serialization import load_pem_public_key

    try:
        load_pem_public_key(text.encode())
    except (ValueError, UnsupportedAlgorithm):
        reader.wrong(name, "is not a public key in PEM form (-----BEGIN PUBLIC KEY-----).")
    return text


def _jwks_url(reader: Reader) -> str | None:
    name = "JWT_JWKS_URL"
    parts = reader.url(name, ("https", "http"))
    if parts is None:
        return None
    if parts.scheme == "http" and not is_local(parts.hostname or ""):
        reader.wrong(name, "must be https: an attacker who can change the answer can sign tokens.")
    return parts.geturl()


def is_local(host: str) -> bool:
    """Return whether a host is this machine."""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
