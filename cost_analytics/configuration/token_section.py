"""Settings of bearer tokens: their keys and required claims."""

from __future__ import annotations

import ipaddress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from cost_analytics.configuration.dev_file import DEV_FILE_HINT
from cost_analytics.configuration.secret import Secret
from cost_analytics.configuration.variable import Section, custom, integer, optional, text

if TYPE_CHECKING:
    from cost_analytics.configuration.reader import Reader

SECRET_BYTES_MIN: Final = 32
JWT_KEYS: Final = ("JWT_SECRET", "JWT_PUBLIC_KEY", "JWT_JWKS_URL")
_HINT: Final = "; `openssl rand -hex 32` generates one"


def _secret(reader: Reader, name: str) -> Secret:
    return reader.strong_secret(name, SECRET_BYTES_MIN, _HINT)


def _public_key(reader: Reader, name: str) -> str | None:
    """Return a validated public key; the library is only loaded if there is a key."""
    key = reader.text(name).replace("\\n", "\n")
    if not key:
        return None
    from cryptography.exceptions import UnsupportedAlgorithm
    from cryptography.hazmat.primitives.serialization import load_pem_public_key

    try:
        load_pem_public_key(key.encode())
    except (ValueError, UnsupportedAlgorithm):
        reader.add_error(name, "is not a public key in PEM form (-----BEGIN PUBLIC KEY-----).")
    return key


def _jwks_url(reader: Reader, name: str) -> str | None:
    parts = reader.url(name, ("https", "http"))
    if parts is None:
        return None
    if parts.scheme == "http" and not is_local(parts.hostname or ""):
        reader.add_error(name, "must be https: an attacker could replace the keys.")
    return parts.geturl()


def is_local(host: str) -> bool:
    """Return whether a host is this machine."""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


@dataclass(frozen=True, slots=True)
class TokenSection(Section):
    """The key of bearer tokens (one of the first three fields), and their required claims."""

    secret: Secret = custom(
        "JWT_SECRET",
        Secret(""),
        "Shared key of HS256 tokens: at least 32 bytes and 8 different characters, and no "
        "repetition of a shorter text. `api` needs exactly one of this and the next two settings; "
        "`token` needs this one.",
        _secret,
        secret=True,
    )
    public_key: str | None = custom(
        "JWT_PUBLIC_KEY",
        None,
        "Public key (PEM) of the issuer of tokens. Its lines may be joined by `\\n`.",
        _public_key,
    )
    jwks_url: str | None = custom(
        "JWT_JWKS_URL",
        None,
        "Address of the issuer's keys; `https`, or `http` on this machine.",
        _jwks_url,
    )
    issuer: str | None = optional(
        "JWT_ISSUER", "Only tokens with this `iss` are accepted. Unset: any."
    )
    audience: str | None = optional(
        "JWT_AUDIENCE", "Only tokens with this `aud` are accepted. Unset: any."
    )
    user_claim: str = text(
        "JWT_USER_CLAIM",
        "sub",
        "The claim that names the user, such as `userId`.",
    )
    lifetime_seconds_max: int = integer(
        "JWT_LIFETIME_MAX_SECONDS",
        400 * 86_400,
        (60, 100 * 366 * 86_400),
        "The maximum time from `iat` to `exp`; a token that is valid for longer is refused, and "
        "`token` does not create one.",
    )

    def check(self, reader: Reader) -> None:
        """Report an error unless exactly one key is set."""
        names = [name for name in JWT_KEYS if reader.is_set(name)]
        if len(names) > 1:
            reader.add_error(" and ".join(names), "are set; give exactly one of them.")
        elif not names:
            reader.add_error(
                " or ".join(JWT_KEYS), f"is not set; exactly one is needed{DEV_FILE_HINT}."
            )
