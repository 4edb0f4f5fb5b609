"""A simulated process: its tasks, and what happens when it is killed."""

import asyncio
import contextvars
from collections.abc import Callable, Coroutine
from typing import Any, Self

from tests.simulator.chance import Chance
from tests.simulator.clock import VirtualLoop

_CURRENT: contextvars.ContextVar["SimulatedProcess"] = contextvars.ContextVar("process")
_UNWIND_ROUNDS_MAX = 50


class SimulatedProcess:
    """One worker process; everything that it starts belongs to it."""

    def __init__(self, name: str, loop: VirtualLoop, chance: Chance) -> None:
        self.name = name
        self.dead = False
        self._loop = loop
        self._chance = chance
        self._frozen_until = 0.0
        self._dying: asyncio.Task[None] | None = None
        self._tasks: list[asyncio.Task[Any]] = []
        self._on_kill: list[Callable[[], None]] = []
        self._context = contextvars.copy_context()
        self._context.run(_CURRENT.set, self)

    @classmethod
    def current(cls) -> Self:
        """Return the process that the caller runs in."""
        process = _CURRENT.get()
        assert isinstance(process, cls)
        return process

    def start(self, work: Coroutine[Any, Any, Any]) -> asyncio.Task[Any]:
        """Start a task in this process."""
        return self._loop.create_task(work, context=self._context)

    def on_kill(self, then: Callable[[], None]) -> None:
        """Register a callback for the kill of the process."""
        self._on_kill.append(then)

    def freeze(self, seconds: float) -> None:
        """Stop the process at its next operation, as SIGSTOP would."""
        self._frozen_until = self._loop.time() + seconds

    async def wait_while_frozen(self) -> None:
        """Wait while the process is frozen; raises ConnectionError in a killed one."""
        while (left := self._frozen_until - self._loop.time()) > 0 and not self.dead:
            await asyncio.sleep(max(left, 1e-6))  # a smaller rest would not move the virtual time
        self.check()

    def check(self) -> None:
        """Raise ConnectionError in a killed process, whose operations must have no effect."""
        if self.dead:
            raise ConnectionResetError(f"{self.name} was killed")

    async def kill(self) -> None:
        """Kill the process as SIGKILL would: none of its tasks continues."""
        self.dead = True
        for then in self._on_kill:
            then()
        for _ in range(_UNWIND_ROUNDS_MAX):
            left = [task for task in self._tasks if not task.done()]
            if not left:
                return
            for task in left:
                task.cancel()
            await asyncio.wait(left, timeout=0.1)
        raise AssertionError(f"tasks of {self.name} do not end: {left}")

    async def die(self) -> None:
        """Kill the process from one of its own tasks, which ends here."""
        outside = contextvars.Context()
        self._dying = self._loop.create_task(self.kill(), context=outside)
        await self._loop.create_future()

    def adopt(self, task: asyncio.Task[Any]) -> None:
        """Count a task as this process's own."""
        self._tasks.append(task)


def adopt(task: asyncio.Task[Any], context: contextvars.Context | None) -> None:
    """Give a new task to the process of its context, or else of its maker, if there is one."""
    process = _CURRENT.get(None) if context is None else context.get(_CURRENT)
    if process is not None:
        process.adopt(task)
