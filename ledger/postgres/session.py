"""Checks the login of a process and its signing key when it starts."""

from __future__ import annotations

import logging
from typing import Final

from ledger.postgres.database import Connection, UnknownAuthorization, connected
from ledger.postgres.statements import statements
from ledger.postgres.viewer import SigningKeyError, Viewer, signer_of

_SQL: Final = statements("postgres/session")
_VIEWERS_SQL: Final = statements("postgres/viewers")
_CHECKED: Final = Viewer("check")
_log: Final = logging.getLogger(__name__)


async def privileged_login(connection: Connection) -> str | None:
    """Return what a login is and its name if it is too powerful; None for any other login."""
    description: str | None = await connection.fetchval(_SQL["privileged_login"])
    return description


async def warn_of_privileged_login(url: str, process: str) -> None:
    """Log a warning if a process logs in as a superuser or as the owner of the tables."""
    async with connected(url, name=f"cost-analytics {process}") as connection:
        login = await privileged_login(connection)
    if login is not None:
        _log.warning(
            "logged in to the database as %s; use the login `%s` for this process, which "
            "`cost-analytics roles create` creates",
            login,
            process,
            extra={"action": "database_login_powerful"},
        )


async def has_viewer_keys(connection: Connection) -> bool:
    """Return whether the schema with the keys of viewers exists."""
    return bool(await connection.fetchval(_SQL["has_viewer_keys"]))


async def check_signature(connection: Connection, url: str) -> None:
    """Raise SigningKeyError if row policies would not accept our viewers."""
    signed_viewer = signer_of(url).sign(_CHECKED)
    if not await has_viewer_keys(connection):
        return
    try:
        async with connection.transaction():
            await connection.execute(*_VIEWERS_SQL.bind("identify", signed_viewer=signed_viewer))
            await connection.fetchval(_SQL["signed"])
    except UnknownAuthorization:
        raise SigningKeyError(
            "The database does not have the key of this login, which is derived from its password: "
            "the password was changed in another way. Run `cost-analytics roles create`."
        ) from None
