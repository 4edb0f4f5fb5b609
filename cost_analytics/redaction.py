"""Takes secrets out of text that is about to be seen: in a log line or in an error message.

Known secrets are replaced wherever they stand; what looks like a secret (a password in an address,
a bearer token, a JSON Web Token) is replaced too, whatever it belongs to.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Final
from urllib.parse import unquote, urlsplit

STARS: Final = "***"
_SHORTEST: Final = 6
"""Shorter secrets are not searched for: they would star out ordinary words."""

_PATTERNS: Final = (
    # A password between user and host. The last @ before the path ends it, as in libpq.
    (re.compile(r"(\w+://[^\s:/@]*:)[^\s/]+@"), rf"\1{STARS}@"),
    (re.compile(r"\beyJ[\w-]{5,}\.[\w-]{5,}\.[\w-]*"), STARS),
    (re.compile(r"(?i)\b(bearer[ .])[\w.~+/=-]{8,}"), rf"\1{STARS}"),
    (
        re.compile(r"(?i)\b((?:password|passwd|secret|token|ticket)\"?\s?[=:]\s?\"?)[^\s\"',&}]+"),
        rf"\1{STARS}",
    ),
)

_SUSPICIOUS: Final = ("://", "eyj", "bearer", "passw", "secret", "token", "ticket")
"""In lower case, a part of all that the patterns find: most texts have none, and are many."""


class Redactor:
    """Knows the secrets of one process."""

    def __init__(self, secrets: Iterable[str] = ()) -> None:
        """`secrets` may hold addresses: of these only the password is one."""
        known: set[str] = set()
        for secret in secrets:
            known.update(_passwords(secret) if "://" in secret else {secret})
        self._known = sorted((text for text in known if len(text) >= _SHORTEST), key=len)[::-1]

    def redact(self, text: str) -> str:
        """Return `text` with stars for every secret in it."""
        for secret in self._known:
            if secret in text:
                text = text.replace(secret, STARS)
        lower = text.lower()
        if any(part in lower for part in _SUSPICIOUS):
            for pattern, stars in _PATTERNS:
                text = pattern.sub(stars, text)
        return text


def _passwords(text: str) -> list[str]:
    """Return the password in an address, as written and decoded."""
    try:
        password = urlsplit(text).password
    except ValueError:
        return [text]
    return [password, unquote(password)] if password else []
