"""Checks, when a process starts, that it logs in as the role that is meant for it."""

from __future__ import annotations

import logging
from typing import Final

from ledger.postgres.database import Connection, UnknownAuthorization, connected
from ledger.postgres.statements import statements
from ledger.postgres.viewer import Viewer, signer_of

_SQL: Final = statements("postgres/session")
_CHECKED: Final = Viewer("check")
_log: Final = logging.getLogger(__name__)


class UnknownKeyError(Exception):
    """The server does not know the key by which this process signs viewers."""


async def powerful_login(connection: Connection) -> str | None:
    """Return a superuser's or the owner's name, None for a login that is neither."""
    name: str | None = await connection.fetchval(_SQL["powerful_login"])
    return name


async def warn_of_powerful_login(url: str, process: str) -> None:
    """Log a warning where a process logs in as a superuser or as the owner of the tables."""
    async with connected(url, name=f"cost-analytics {process}") as connection:
        who = await powerful_login(connection)
    if who is not None:
        _log.warning(
            "logged in to the database as %s; give this process the login `%s` that "
            "`cost-analytics roles create` makes",
            who,
            process,
            extra={"action": "database_login_powerful"},
        )


async def check_signature(connection: Connection, url: str) -> None:
    """Raise UnknownKeyError or NoPasswordError where row policies would not believe our viewers."""
    token = signer_of(url).sign(_CHECKED)
    if not await connection.fetchval(_SQL["keeps_keys"]):
        return
    try:
        async with connection.transaction():
            await connection.execute(*_SQL.bind("sign", token=token))
            await connection.fetchval(_SQL["signed"])
    except UnknownAuthorization:
        raise UnknownKeyError(
            "The database does not know the key of this login, which is made of its password: "
            "the password was changed by other means. Run `cost-analytics roles create`."
        ) from None
