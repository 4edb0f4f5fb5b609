"""Archives in a process that kills itself when it reaches a function: URL, directory, function."""

import asyncio
import os
import signal
import sys
from importlib import import_module
from pathlib import Path
from typing import Any

from ledger.operations.archives import Archiver
from tests.support.archives import archive


def killed(*_: Any, **__: Any) -> Any:
    """Die at once, as a killed process does."""
    os.kill(os.getpid(), signal.SIGKILL)


def arm(path: str) -> None:
    """Kill this process when a function, or a method of a class, is reached."""
    if path.endswith(".before_commit"):
        drop = Archiver._drop

        async def dropped(*arguments: Any, **named: Any) -> bool:
            await drop(*arguments, **named)
            return bool(killed())

        setattr(Archiver, "_drop", dropped)  # noqa: B010 - a method is replaced on purpose
        return
    owner, _, name = path.rpartition(".")
    if owner.rpartition(".")[2][0].isupper():
        module, _, kind = owner.rpartition(".")
        setattr(getattr(import_module(module), kind), name, killed)
    else:
        setattr(import_module(owner), name, killed)


if __name__ == "__main__":
    arm(sys.argv[3])
    asyncio.run(archive(sys.argv[1], Path(sys.argv[2])))
