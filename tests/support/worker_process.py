"""A worker as a process, to be killed without warning."""

from collections.abc import Mapping
from pathlib import Path

from tests.support.command_process import CommandProcess
from tests.support.streaming import Pipeline


class WorkerProcess(CommandProcess):
    """`cost-analytics worker` on a pipeline; its log is in `directory`."""

    def __init__(
        self,
        pipeline: Pipeline,
        directory: Path,
        batch_max: int = 500,
        database_url: str = "",
        settings: Mapping[str, str] | None = None,
    ) -> None:
        """`database_url` is another address of the pipeline's database, for the worker's login.

        `settings` are further ones.
        """
        values = {
            "KAFKA_BOOTSTRAP_SERVERS": pipeline.bootstrap,
            "KAFKA_IDEMPOTENT": str(pipeline.idempotent).lower(),
            "KAFKA_SESSION_TIMEOUT_MS": "1500",
            "KAFKA_HEARTBEAT_INTERVAL_MS": "300",
            "KAFKA_REBALANCE_TIMEOUT_MS": "1500",
            "DATABASE_URL": database_url or pipeline.database_url,
            "WORKER_BATCH_MAX": str(batch_max),
            **(settings or {}),
        }
        super().__init__("worker", directory, values)
