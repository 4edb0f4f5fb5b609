"""Signs the viewer of a transaction, by which row policies decide which rows it reads.

The key is derived from the password of the API's login. The server stores it where only row
policies read it (`viewer_keys`). So a process that knows the password can name a viewer, and
injected SQL cannot. The SQL function `signed_viewer` verifies what `ViewerSigner` signs.
"""

from __future__ import annotations

import hashlib
import hmac
from typing import Any, Final, NamedTuple
from urllib.parse import unquote, urlsplit

_SALT: Final = b"cost-analytics viewer"
_ROUNDS: Final = 4_096
_BLOCK_BYTES: Final = 64
_INNER: Final = 0x36
_OUTER: Final = 0x5C


class Viewer(NamedTuple):
    """The user whose rows are read; `reads_all` is true for administrators."""

    user_id: str
    reads_all: bool = False

    @property
    def parameters(self) -> dict[str, Any]:
        """The arguments of statements that restrict their rows to a viewer."""
        return {"viewer_id": self.user_id, "reads_all": self.reads_all}


class SigningKeyError(Exception):
    """Row policies would not trust the viewers of this process; a sentence says why."""


class ViewerSigner:
    """Signs viewers with the key derived from a password."""

    def __init__(self, password: str) -> None:
        self._key = hashlib.pbkdf2_hmac("sha256", password.encode(), _SALT, _ROUNDS)

    def sign(self, viewer: Viewer) -> str:
        """Return the signed value of the setting `cost_analytics.viewer`."""
        signed = f"{'a' if viewer.reads_all else 'u'}{viewer.user_id}"
        return hmac.digest(self._key, signed.encode(), "sha256").hex() + signed

    def pads(self) -> tuple[bytes, bytes]:
        """Return the inner and outer pads of HMAC, with which the server verifies."""
        block = self._key.ljust(_BLOCK_BYTES, b"\0")
        return bytes(b ^ _INNER for b in block), bytes(b ^ _OUTER for b in block)


def signer_of(url: str) -> ViewerSigner:
    """Return the signer for a database URL; raises SigningKeyError."""
    password = urlsplit(url).password
    if not password:
        raise SigningKeyError(
            "The API's database URL has no password, which it needs to sign viewers."
        )
    return ViewerSigner(unquote(password))
