"""The state of the PostgreSQL server: settings that durability depends on, connections, clock."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Final, NamedTuple

from ledger.postgres.database import Connection
from ledger.postgres.statements import statements

_SQL: Final = statements("operations/server_state")

DURABILITY: Final = ("fsync", "full_page_writes", "synchronous_commit")
"""If one of them is off, a crash of the server can lose commits."""


class ServerState(NamedTuple):
    """The state of a server. At a `transaction_age` of two billion transactions it would stop."""

    version: str
    settings: Mapping[str, str]
    connections: int
    connections_max: int
    transaction_age: int
    clock: datetime


async def read_server_state(connection: Connection) -> ServerState:
    """Read the server's state; every login may."""
    names = ["server_version", *DURABILITY]
    rows = await connection.fetch(*_SQL.bind("settings", names=names))
    settings = {row["name"]: row["setting"] for row in rows}
    [usage] = await connection.fetch(_SQL["usage"])
    return ServerState(settings.pop("server_version"), settings, *usage)
