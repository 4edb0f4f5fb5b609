"""A command of the product as a process, to be killed without warning."""

import asyncio
import signal
import subprocess
from collections.abc import Mapping
from pathlib import Path

from tests.support.command import COMMAND, environment
from tests.support.logins import as_process


class CommandProcess:
    """`cost-analytics COMMAND`, started with `values` as its settings; its log is kept."""

    def __init__(
        self, command: str, directory: Path, values: Mapping[str, str], name: str = ""
    ) -> None:
        self.directory = directory
        self.log = directory / f"{name or command}.log"
        self._command = command
        self._values = values
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Start a new process."""
        with self.log.open("ab") as log:
            self._process = subprocess.Popen(
                [*COMMAND, self._command],
                cwd=self.directory,
                env=environment(as_process(self._command, self._values)),
                stdout=log,
                stderr=log,
            )

    @property
    def pid(self) -> int:
        """Return the id of the latest process."""
        assert self._process is not None
        return self._process.pid

    def has_ended(self) -> bool:
        """Return whether the latest process has ended."""
        assert self._process is not None
        return self._process.poll() is not None

    def kill(self) -> None:
        """Kill it as a power failure would: SIGKILL."""
        assert self._process is not None
        assert self._process.poll() is None, self.log.read_text()[-2000:]
        self._process.kill()
        self._process.wait(60)

    async def stop(self, seconds: int = 40) -> None:
        """Stop it with SIGTERM, once it has a handler for it, and require exit status 0."""
        assert self._process is not None
        async with asyncio.timeout(seconds):
            while not (self.has_ended() or catches(self.pid, signal.SIGTERM)):
                await asyncio.sleep(0.05)
        self._process.terminate()
        code = await asyncio.to_thread(self._process.wait, seconds)
        assert code == 0, self.log.read_text()[-2000:]

    def abandon(self) -> None:
        """Kill a process that still runs, after any result of the test."""
        if self._process is not None and self._process.poll() is None:
            self._process.kill()
            self._process.wait(60)

    def action_count(self, action: str) -> int:
        """Return how often an action is in its log."""
        return self.log.read_text().count(f'"action": "{action}"')


def catches(pid: int, number: signal.Signals) -> bool:
    """Return whether a process has a handler for a signal."""
    status = Path(f"/proc/{pid}/status").read_text()
    [caught] = [line.split()[1] for line in status.splitlines() if line.startswith("SigCgt:")]
    return bool(int(caught, 16) >> (number - 1) & 1)
