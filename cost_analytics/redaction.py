"""Removes secrets from text before it is shown in a log line or an error message.

Known secrets are replaced wherever they occur. Everything that looks like a secret (a password in
an address, a bearer token, a JSON Web Token, the key of a service) is replaced, too.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Final
from urllib.parse import unquote, urlsplit

STARS: Final = "***"
_LENGTH_MIN: Final = 6
"""Shorter secrets are not replaced: they would match ordinary words."""

_PATTERNS: Final = (
    # A password between user and host. The last @ before the path ends it, as in libpq.
    (re.compile(r"(\w+://[^\s:/@]*:)[^\s/]+@"), rf"\1{STARS}@"),
    (re.compile(r"\beyJ[\w-]{5,}\.[\w-]{5,}\.[\w-]*"), STARS),
    # The key of a service, `schemas.api_keys.KEY_PATTERN`: its first characters may be shown.
    (re.compile(r"\b(cak_[\w-]{4})[\w-]{8,}"), rf"\1{STARS}"),
    (re.compile(r"(?i)\b(bearer[ .])[\w.~+/=-]{8,}"), rf"\1{STARS}"),
    (
        re.compile(r"(?i)\b((?:password|passwd|secret|token|ticket)\"?\s?[=:]\s?\"?)[^\s\"',&}]+"),
        rf"\1{STARS}",
    ),
)

_SUSPICIOUS: Final = ("://", "cak_", "eyj", "bearer", "passw", "secret", "token", "ticket")
"""Every match of a pattern contains one of these in lower case. Fast check for most texts."""


class Redactor:
    """Replaces the secrets of one process."""

    def __init__(self, secrets: Iterable[str] = ()) -> None:
        """Take secrets, or addresses, of which only the password is secret."""
        texts: set[str] = set()
        for secret in secrets:
            texts.update(_passwords(secret) if "://" in secret else {secret})
        self._known = sorted((text for text in texts if len(text) >= _LENGTH_MIN), key=len)[::-1]

    def redact(self, text: str) -> str:
        """Return `text` with its secrets replaced by stars."""
        for secret in self._known:
            if secret in text:
                text = text.replace(secret, STARS)
        lower = text.lower()
        if any(part in lower for part in _SUSPICIOUS):
            for pattern, stars in _PATTERNS:
                text = pattern.sub(stars, text)
        return text


def _passwords(text: str) -> list[str]:
    """Return the password in an address, encoded and decoded."""
    try:
        password = urlsplit(text).password
    except ValueError:
        return [text]
    return [password, unquote(password)] if password else []
