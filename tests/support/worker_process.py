"""A worker as the process that production runs, to be killed without warning."""

import asyncio
import subprocess
from pathlib import Path

from tests.support.command import COMMAND, environment
from tests.support.streaming import Stage


class WorkerProcess:
    """`cost-analytics worker` beside a stage; its log is kept in `directory`."""

    def __init__(self, stage: Stage, directory: Path, batch_max: int = 500) -> None:
        self.batch_max = batch_max
        self.stage = stage
        self.directory = directory
        self.log = directory / "worker.log"
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Start a new process."""
        values = {
            "KAFKA_BOOTSTRAP_SERVERS": self.stage.bootstrap,
            "KAFKA_IDEMPOTENT": str(self.stage.idempotent).lower(),
            "KAFKA_SESSION_TIMEOUT_MS": "1500",
            "KAFKA_HEARTBEAT_INTERVAL_MS": "300",
            "KAFKA_REBALANCE_TIMEOUT_MS": "1500",
            "DATABASE_URL": self.stage.database_url,
            "WORKER_BATCH_MAX": str(self.batch_max),
        }
        with self.log.open("ab") as log:
            self._process = subprocess.Popen(
                [*COMMAND, "worker"],
                cwd=self.directory,
                env=environment(values),
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
        code = await asyncio.to_thread(self._process.wait, 30)
        assert code == 0, self.log.read_text()[-2000:]

    def abandon(self) -> None:
        """Leave nothing behind, whatever became of the test."""
        if self._process is not None and self._process.poll() is None:
            self._process.kill()
            self._process.wait(10)
