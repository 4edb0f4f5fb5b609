"""Verification codes, which prove that the owner of a channel receives its messages.

People get six digits, programs a long token. Only a salted slow hash is stored to compare with:
trying all codes takes longer than a code is valid.
"""

from __future__ import annotations

import hashlib
import hmac
import re
import secrets
from typing import Final

from schemas.notices import ChannelType

CODE_DIGITS: Final = 6
CODE_SECONDS: Final = 15 * 60
GUESSES_MAX: Final = 5

_TOKEN_BYTES: Final = 24
_SALT_BYTES: Final = 16
_SECRET_BYTES: Final = 32
_SCRYPT_COST: Final = 2**13
_CODE_PATTERN: Final = re.compile(r"[A-Za-z0-9_-]{1,64}")


def new_code(channel_type: ChannelType) -> str:
    """Return a code that cannot be guessed in the allowed number of tries."""
    if channel_type == "webhook":
        return secrets.token_urlsafe(_TOKEN_BYTES)
    return f"{secrets.randbelow(10**CODE_DIGITS):0{CODE_DIGITS}d}"


def digest(code: str, salt: bytes = b"") -> bytes:
    """Return the salt and the hash of a code; takes about 20 ms, so not on the event loop."""
    salt = salt or secrets.token_bytes(_SALT_BYTES)
    return salt + hashlib.scrypt(code.encode(), salt=salt, n=_SCRYPT_COST, r=8, p=1, dklen=32)


def matches(code: str, stored: bytes) -> bool:
    """Return whether the code matches the stored hash; takes as long as `digest`."""
    code = code.strip()
    if not _CODE_PATTERN.fullmatch(code):
        return False
    return hmac.compare_digest(digest(code, stored[:_SALT_BYTES]), stored)


def new_secret() -> bytes:
    """Return a secret for signing webhooks."""
    return secrets.token_bytes(_SECRET_BYTES)
