"""Erasures of the journal are applied to a restored ledger beside workers that count."""

import asyncio
from typing import Any

from ledger.people.erased_users import digest_of
from ledger.people.erasure import apply_records
from ledger.postgres.database import connected
from schemas.people import ErasedUserRecord
from tests.support import parts
from tests.support.archives import NOW
from tests.support.events import charged, cost, ended, granted, refunded, started
from tests.support.personal_data import IDENTITY, places_in_database
from tests.support.recording import BatchWriter, TopicLog, assert_verified, fetch, until_blocked

KEY = b"k" * 32
RECORD = ErasedUserRecord(KEY.hex(), digest_of(KEY, IDENTITY).hex(), "erased-0123456789abcdef", NOW)


async def test_no_event_is_refused_while_a_restored_user_is_erased(database_url: str) -> None:
    """The first attempt to erase waits for a reader's lock; events of the user arrive then."""
    log = TopicLog()
    of: dict[str, Any] = {"user": IDENTITY, "time": NOW}
    first = [granted(**of), started("a", **of), cost("a", **of), charged("b", **of)]
    late = [
        cost("a", **of),
        ended("a", **of),
        refunded("b", **of),
        granted(**of),
        started("c", **of),
    ]
    async with BatchWriter(database_url) as writer:
        await writer.record(log.batch(first))
        async with (
            connected(database_url, name="blocker") as blocker,
            connected(database_url, name="notices") as connection,
        ):
            async with blocker.transaction():
                await blocker.execute("SELECT FROM calls WHERE call_id = 'b' FOR UPDATE")
                applying = asyncio.create_task(apply_records(connection, [RECORD], NOW))
                await until_blocked(database_url)
                await writer.record(log.batch(late[:2]))
            assert await applying == 1
            await writer.record(log.batch(late[2:]))
            assert await apply_records(connection, [RECORD], NOW) == 0
        assert writer.letters == []
    await assert_verified(database_url)
    assert await places_in_database(database_url) == []
    counted = await fetch(database_url, "SELECT count(*) FROM event_identities")
    parts.figures.append(
        f"erasure of a restored user beside a worker: {len(first) + len(late)} events sent, "
        f"{counted[0][0]} counted, difference {counted[0][0] - len(first) - len(late)}"
    )
    assert counted[0][0] == len(first) + len(late)
