"""Prices events in a process that kills itself at one step: arguments are URL and step.

A step is the path of a function that the pricing calls, or AFTER_COMMIT. The process dies there in
the second transaction, so that the first one is committed.
"""

import asyncio
import os
import signal
import sys
from importlib import import_module
from typing import Any

from ledger.repricing import unpriced_pricer
from tests.support.unpriced import price_unpriced

AFTER_COMMIT = "after a commit"
CHUNK_EVENTS = 20


def arm(step: str) -> None:
    """Let this process kill itself at a step, when it reaches the step for the second time."""
    if step == AFTER_COMMIT:
        step = "ledger.repricing.unpriced_pricer.unpriced_page"
    owner, _, name = step.rpartition(".")
    real, calls = getattr(import_module(owner), name), 0

    def counted(*arguments: Any, **named: Any) -> Any:
        nonlocal calls
        calls += 1
        if calls == 2:
            os.kill(os.getpid(), signal.SIGKILL)
        return real(*arguments, **named)

    setattr(import_module(owner), name, counted)


if __name__ == "__main__":
    unpriced_pricer.CHUNK_EVENTS = CHUNK_EVENTS  # type: ignore[misc]
    arm(sys.argv[2])
    asyncio.run(price_unpriced(sys.argv[1]))
