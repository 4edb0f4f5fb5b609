"""A worker as the process that production runs, to be killed without warning."""

from pathlib import Path

from tests.support.child import Child
from tests.support.streaming import Stage


class WorkerProcess(Child):
    """`cost-analytics worker` beside a stage; its log is kept in `directory`."""

    def __init__(
        self, stage: Stage, directory: Path, batch_max: int = 500, database_url: str = ""
    ) -> None:
        """`database_url` is another way to the stage's database, as its worker logs in."""
        values = {
            "KAFKA_BOOTSTRAP_SERVERS": stage.bootstrap,
            "KAFKA_IDEMPOTENT": str(stage.idempotent).lower(),
            "KAFKA_SESSION_TIMEOUT_MS": "1500",
            "KAFKA_HEARTBEAT_INTERVAL_MS": "300",
            "KAFKA_REBALANCE_TIMEOUT_MS": "1500",
            "DATABASE_URL": database_url or stage.database_url,
            "WORKER_BATCH_MAX": str(batch_max),
        }
        super().__init__("worker", directory, values)
