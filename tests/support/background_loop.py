"""An event loop in its own thread, for the servers that a whole test session shares.

Each test has its own event loop, and an asynchronous fixture belongs to one loop. The shared
servers are therefore ordinary fixtures that use this loop; tests see only their addresses.
"""

import asyncio
import threading
from collections.abc import Coroutine
from concurrent.futures import Future
from types import TracebackType
from typing import Any, Self, TypeVar

T = TypeVar("T")


class BackgroundLoop:
    """`with BackgroundLoop() as background: background.run(coroutine)`, from any thread."""

    def __init__(self) -> None:
        self._loop = asyncio.new_event_loop()
        # A daemon: a process that only uses shared servers ends without waiting for it.
        self._thread = threading.Thread(
            target=self._loop.run_forever, name="shared servers", daemon=True
        )

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.run_until_complete(self._loop.shutdown_asyncgens())
        self._loop.close()

    def run(self, work: Coroutine[Any, Any, T]) -> T:
        """Run `work` on the loop; returns its result or raises its error."""
        return self.begin(work).result()

    def begin(self, work: Coroutine[Any, Any, T]) -> Future[T]:
        """Start `work` on the loop and return at once."""
        return asyncio.run_coroutine_threadsafe(work, self._loop)
