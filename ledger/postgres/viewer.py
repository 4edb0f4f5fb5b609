"""On whose behalf a transaction reads, signed so that no SQL can change it.

The key is made of the password by which the API logs in. The server keeps it where only row
policies look (`viewer_keys`), so a viewer can be named by a process that knows the password, and by
no statement, however it came about. `signed_viewer()` verifies what `ViewerSigner` signs.
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
    """On whose behalf a transaction reads; `reads_all` is an administrator's."""

    user_id: str
    reads_all: bool = False

    @property
    def parameters(self) -> dict[str, Any]:
        """The arguments of a statement that restricts its rows to a viewer."""
        return {"viewer_id": self.user_id, "reads_all": self.reads_all}


class NoPasswordError(Exception):
    """An address has no password, so that no viewer can be signed."""


class ViewerSigner:
    """Signs viewers with the key that belongs to a password."""

    def __init__(self, password: str) -> None:
        self._key = hashlib.pbkdf2_hmac("sha256", password.encode(), _SALT, _ROUNDS)

    def sign(self, viewer: Viewer) -> str:
        """Return a viewer as the setting `cost_analytics.viewer` wants it."""
        signed = f"{'a' if viewer.reads_all else 'u'}{viewer.user_id}"
        return hmac.digest(self._key, signed.encode(), "sha256").hex() + signed

    def pads(self) -> tuple[bytes, bytes]:
        """Return the inner and the outer pad of HMAC, by which the server verifies."""
        block = self._key.ljust(_BLOCK_BYTES, b"\0")
        return bytes(b ^ _INNER for b in block), bytes(b ^ _OUTER for b in block)


def signer_of(url: str) -> ViewerSigner:
    """Return what signs viewers for a process with this address; raises NoPasswordError."""
    password = urlsplit(url).password
    if not password:
        raise NoPasswordError(
            "The API's database address has no password, by which it signs whom it reads for."
        )
    return ViewerSigner(unquote(password))
