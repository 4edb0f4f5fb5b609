"""Archives in a process that kills itself at one step: arguments are URL, directory and step.

A step is the path of a public function or method of the archiver, at whose call the process dies,
or AFTER_DROP: the statement that drops the partition has been executed, nothing is committed.
"""

import asyncio
import os
import signal
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from importlib import import_module
from pathlib import Path
from typing import Any

import asyncpg

from ledger.operations import archives
from ledger.postgres.database import connected
from tests.support.archives import archive

AFTER_DROP = "after the statement drop_partition"


def kill_self(*_: Any, **__: Any) -> Any:
    """End at once, without cleaning up."""
    os.kill(os.getpid(), signal.SIGKILL)


def kill_after_drop(query: Any) -> None:
    """Kill this process once PostgreSQL has answered the statement that drops the partition."""
    if query.query == archives.SQL["drop_partition"]:
        kill_self()


@asynccontextmanager
async def connected_until_drop(url: str, *, name: str) -> AsyncIterator[asyncpg.Connection]:
    """Open the archiver's connection; the process dies after its drop."""
    async with connected(url, name=name) as connection:
        connection.add_query_logger(kill_after_drop)
        yield connection


def arm(step: str) -> None:
    """Let this process kill itself at a step."""
    if step == AFTER_DROP:
        archives.connected = connected_until_drop  # type: ignore[attr-defined]
        return
    owner, _, name = step.rpartition(".")
    if owner.rpartition(".")[2][0].isupper():
        module, _, kind = owner.rpartition(".")
        setattr(getattr(import_module(module), kind), name, kill_self)
    else:
        setattr(import_module(owner), name, kill_self)


if __name__ == "__main__":
    arm(sys.argv[3])
    asyncio.run(archive(sys.argv[1], Path(sys.argv[2])))
