"""A database is emptied for a restore while processes still use its tables."""

import asyncio

import pytest

from ledger.operations import backups
from ledger.operations.backups import count_relations, empty_database
from ledger.postgres.database import LockTimeout, connected
from ledger.postgres.migrate import UnfinishedRestoreError, migrate

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
DEADLOCKS = "SELECT deadlocks FROM pg_stat_database WHERE datname = current_database()"
LOCKED_SECONDS = 0.3


async def test_drop_waits_for_a_writer_without_a_deadlock(database_url: str) -> None:
    """The writer locks the last table of the drop, then one that the drop has locked, if any."""
    async with (
        connected(database_url, name="monitor") as monitor,
        connected(database_url, name="writer") as writer,
        connected(database_url, name="restore") as restore,
    ):
        # The session that reaches its deadlock timeout first is the victim: it would be the drop.
        await writer.execute("SET deadlock_timeout = '20s'")
        async with writer.transaction():
            newest = await writer.fetchval(NEWEST_TABLE)
            await writer.execute(f"LOCK TABLE {newest} IN ROW EXCLUSIVE MODE")
            emptying = asyncio.create_task(empty_database(restore))
            await asyncio.sleep(LOCKED_SECONDS)
            assert not emptying.done()
            if table := await monitor.fetchval(LOCKED_BY_THE_DROP):
                await writer.execute(f"LOCK TABLE {table} IN ROW EXCLUSIVE MODE")
        await emptying
        assert await count_relations(restore) == 0
        await restore.execute("SELECT pg_stat_force_next_flush()")
        assert await monitor.fetchval(DEADLOCKS) == 0
    with pytest.raises(UnfinishedRestoreError):
        await migrate(database_url)


async def test_drop_gives_up_if_a_table_stays_locked(
    database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(backups, "LOCK_SECONDS_MAX", 0.2)
    async with (
        connected(database_url, name="writer") as writer,
        connected(database_url, name="restore") as restore,
    ):
        before = await count_relations(restore)
        async with writer.transaction():
            await writer.execute("LOCK TABLE user_day_costs IN ROW EXCLUSIVE MODE")
            with pytest.raises(LockTimeout):
                await empty_database(restore)
        assert await count_relations(restore) == before
