"""A plain script: a consumer of confluent-kafka, and psycopg.

It commits its offsets after the transaction in PostgreSQL. A crash in between repeats a batch, and
the primary key of the events skips it.
"""

from __future__ import annotations

import os
from typing import Final

from confluent_kafka import Consumer, KafkaException

from bench.peers.costs import TOPIC, rows_of
from bench.peers.store import PostgresStore

_BATCH_EVENTS: Final = 20_000
_BATCH_SECONDS: Final = 0.5


def main() -> None:
    """Record events until the process is ended."""
    store = PostgresStore(os.environ["DATABASE_URL"])
    consumer = Consumer(
        {
            "bootstrap.servers": os.environ["KAFKA_BOOTSTRAP_SERVERS"],
            "group.id": "plain",
            "auto.offset.reset": "earliest",
            "enable.auto.commit": False,
        }
    )
    consumer.subscribe([TOPIC])
    while True:
        messages = consumer.consume(_BATCH_EVENTS, _BATCH_SECONDS)
        for message in messages:
            if message.error():
                raise KafkaException(message.error())
        if messages:
            store.record(rows_of(message.value() for message in messages))
            consumer.commit(asynchronous=False)


if __name__ == "__main__":
    main()
