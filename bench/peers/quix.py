"""Quix Streams: a streaming dataframe and a sink of our own.

The library's PostgreSQL sink writes rows without totals, so this is a `BatchingSink`, its
documented base for others. A checkpoint flushes the sink and then commits the offsets.
"""

from __future__ import annotations

import os
import tempfile
from typing import Final

from quixstreams import Application
from quixstreams.sinks import BatchingSink, SinkBatch

from bench.peers.costs import TOPIC, row_of
from bench.peers.store import PostgresStore

_COMMIT_EVENTS: Final = 20_000
_COMMIT_SECONDS: Final = 0.5


class QuixSink(BatchingSink):
    """Records the batch of a partition in one transaction."""

    def __init__(self, database_url: str) -> None:
        super().__init__()
        self._database_url = database_url

    def setup(self) -> None:
        """Connect to PostgreSQL; the application calls it at its start."""
        self._store = PostgresStore(self._database_url)

    def write(self, batch: SinkBatch) -> None:
        """Record a batch; an error aborts the checkpoint."""
        self._store.record(item.value for item in batch)


def main() -> None:
    """Record events until the process is ended."""
    app = Application(
        broker_address=os.environ["KAFKA_BOOTSTRAP_SERVERS"],
        consumer_group="quix",
        auto_offset_reset="earliest",
        commit_every=_COMMIT_EVENTS,
        commit_interval=_COMMIT_SECONDS,
        state_dir=tempfile.mkdtemp(dir="."),
        loglevel="WARNING",
    )
    topic = app.topic(TOPIC, value_deserializer="json")
    app.dataframe(topic).apply(row_of).sink(QuixSink(os.environ["DATABASE_URL"]))
    app.run()


if __name__ == "__main__":
    main()
