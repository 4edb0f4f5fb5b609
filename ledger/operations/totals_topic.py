"""Publishes totals again, if the totals topic has lost them."""

from __future__ import annotations

from datetime import datetime
from typing import Final

from ledger.postgres.database import Connection
from ledger.postgres.statements import statements

_SQL: Final = statements("operations/totals_topic")
_CALLS_PER_ROW: Final = 100


async def publish_totals_again(connection: Connection, since: datetime) -> None:
    """Queue the totals of all calls that changed since `since`; a worker publishes them."""
    await connection.execute(*_SQL.bind("publish_again", since=since, calls_a_row=_CALLS_PER_ROW))


async def totals_are_published_again(connection: Connection) -> bool:
    """Return whether everything queued by `publish_totals_again` is in Kafka."""
    return not await connection.fetchval(_SQL["is_publishing_again"])
