"""Erases a user in a process that kills itself at one step: arguments are URL, directory, step."""

import asyncio
import sys
from datetime import UTC, datetime
from pathlib import Path

from ledger.operations.erased_files import rewrite_files
from ledger.people.erasure import erase_user
from ledger.postgres.database import connected
from schemas.people import ErasedUserRecord, ErasureRecord
from tests.support.killed_archiver import arm, kill_self
from tests.support.personal_data import IDENTITY

BEFORE_COMMIT = "before the commit"
BEFORE_FILE_COMMIT = "before the seal names the new file"


async def erase(url: str, directory: Path, step: str) -> None:
    """Do as `user erase --archive` does."""

    async def journal(record: ErasureRecord) -> None:
        of_user = isinstance(record, ErasedUserRecord)
        if step == (BEFORE_COMMIT if of_user else BEFORE_FILE_COMMIT):
            kill_self()

    async with connected(url, name="cost-analytics user") as connection:
        now = datetime.now(UTC)
        await erase_user(connection, IDENTITY, "root", now, topics=(), journal=journal)
    await rewrite_files(url, directory, journal)


if __name__ == "__main__":
    if "." in sys.argv[3]:
        arm(sys.argv[3])
    asyncio.run(erase(sys.argv[1], Path(sys.argv[2]), sys.argv[3]))
