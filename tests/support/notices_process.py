"""The process that delivers notices, as production runs it, to be killed without warning."""

import asyncio
import subprocess
from collections.abc import Mapping
from pathlib import Path

from tests.support.command import COMMAND, environment


class NoticesProcess:
    """`cost-analytics notices`; its log is kept in `directory`."""

    def __init__(self, directory: Path, values: Mapping[str, str], name: str = "notices") -> None:
        self.log = directory / f"{name}.log"
        self._directory = directory
        self._values = {"WEBHOOK_ALLOW_PRIVATE": "true", **values}
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Start a new process."""
        with self.log.open("ab") as log:
            self._process = subprocess.Popen(
                [*COMMAND, "notices"],
                cwd=self._directory,
                env=environment(self._values),
                stdout=log,
                stderr=log,
            )

    def kill(self) -> None:
        """End it as a power cut would: SIGKILL, nothing is finished."""
        assert self._process is not None
        assert self._process.poll() is None, self.log.read_text()[-2000:]
        self._process.kill()
        self._process.wait(10)

    async def stop(self) -> None:
        """Stop it in order and require that it ends well."""
        assert self._process is not None
        self._process.terminate()
        code = await asyncio.to_thread(self._process.wait, 40)
        assert code == 0, self.log.read_text()[-2000:]

    def abandon(self) -> None:
        """Leave nothing behind, whatever became of the test."""
        if self._process is not None and self._process.poll() is None:
            self._process.kill()
            self._process.wait(10)

    def said(self, action: str) -> int:
        """Return how often its log has an action."""
        return self.log.read_text().count(f'"action": "{action}"')
