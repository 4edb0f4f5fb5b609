"""A database is emptied for a restore while processes still use its tables."""

import asyncio

from ledger.operations.backups import count_relations, empty_database
from ledger.postgres.database import Connection, connected

NEWEST_TABLE = """
SELECT oid::regclass::text FROM pg_class
WHERE relnamespace = 'public'::regnamespace AND relkind = 'r' AND NOT relispartition
ORDER BY oid DESC LIMIT 1
"""
LOCKED_BY_THE_DROP = """
SELECT min(relation::regclass::text) FROM pg_locks JOIN pg_class ON pg_class.oid = relation
WHERE mode = 'AccessExclusiveLock' AND granted AND relkind = 'r'
  AND relnamespace = 'public'::regnamespace
  AND EXISTS (SELECT FROM pg_locks WHERE NOT granted AND mode = 'AccessExclusiveLock')
"""


async def deadlock_the_drop(writer: Connection, monitor: Connection) -> None:
    """Complete a deadlock in which the drop has waited longer and is the victim."""
    async with asyncio.timeout(10):
        while not (table := await monitor.fetchval(LOCKED_BY_THE_DROP)):
            await asyncio.sleep(0.01)
    await writer.execute(f"LOCK TABLE {table} IN ROW EXCLUSIVE MODE")


async def test_drop_is_retried_after_a_deadlock(database_url: str) -> None:
    async with (
        connected(database_url, name="monitor") as monitor,
        connected(database_url, name="writer") as writer,
        connected(database_url, name="restore") as restore,
    ):
        # The session that reaches its deadlock timeout first is the victim: it must be the drop.
        await writer.execute("SET deadlock_timeout = '20s'")
        async with writer.transaction():
            newest = await writer.fetchval(NEWEST_TABLE)
            await writer.execute(f"LOCK TABLE {newest} IN ROW EXCLUSIVE MODE")
            emptying = asyncio.create_task(empty_database(restore))
            await deadlock_the_drop(writer, monitor)
        await emptying
        assert await count_relations(restore) == 0
