"""The erased users as a writer knows them: it must not write their identity again.

The identity of an erased user is not stored: a keyed digest recognizes it. Each erasure increases
the generation. A writer reads it in its own transaction, and reads the erased users again if it has
changed.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from typing import Final

from ledger.postgres.database import Connection, RestrictViolation
from ledger.postgres.statements import statements

_SQL: Final = statements("people/erased_users")

_CACHED_MAX: Final = 100_000


class ErasuresChangedError(Exception):
    """A user was erased since the erased users were read; read them and apply the batch again."""


def is_of_erased_user(error: BaseException) -> bool:
    """Return whether PostgreSQL refused a row because its user was erased."""
    constraint = getattr(error, "constraint_name", None)
    return isinstance(error, RestrictViolation) and constraint == "users_stay_erased"


class ErasedUsers:
    """Pseudonyms by digest; `generation` is the newest erasure, 0 if there is none."""

    def __init__(
        self, generation: int = 0, keys: Sequence[bytes] = (), users: Mapping[bytes, str] = {}
    ) -> None:
        """`keys` are the keys of the digests; there is nearly always one."""
        self.generation = generation
        self._keys = tuple(keys)
        self._users = dict(users)
        self._pseudonyms = frozenset(self._users.values())
        self._known: dict[str, str | None] = {}

    def __bool__(self) -> bool:
        """Return whether there are any."""
        return bool(self._users)

    def pseudonym_of(self, user_id: str) -> str | None:
        """Return the pseudonym of an erased user; None for all others."""
        try:
            return self._known[user_id]
        except KeyError:
            pass
        digests = (digest_of(key, user_id) for key in self._keys)
        found = next((self._users[digest] for digest in digests if digest in self._users), None)
        if len(self._known) >= _CACHED_MAX:
            self._known.clear()
        self._known[user_id] = found
        return found

    def is_pseudonym(self, user_id: str | None) -> bool:
        """Return whether a user's identity was erased."""
        return user_id in self._pseudonyms

    def require(self, generation: int) -> None:
        """Raise ErasuresChangedError unless `generation` is the newest erasure."""
        if generation != self.generation:
            raise ErasuresChangedError


def digest_of(key: bytes, user_id: str) -> bytes:
    """Return the digest by which an erased user is recognized."""
    return hashlib.sha256(key + user_id.encode()).digest()


async def read_erased_users(connection: Connection) -> ErasedUsers:
    """Return the erased users, as last committed."""
    [row] = await connection.fetch(_SQL["erased_users"])
    users = dict(zip(row["digests"], row["pseudonyms"], strict=True))
    return ErasedUsers(row["generation"], row["keys"], users)
