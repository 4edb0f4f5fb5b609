"""Bytewax: a dataflow from its Kafka source to a sink of our own, for `python -m bytewax.run`.

Totals are kept by the sink: totals in the dataflow's own state would be stored apart from the
rows, and a restart would count again what was written after the last snapshot.
"""

from __future__ import annotations

import os
from typing import Any, Final

import bytewax.operators as op
from bytewax.connectors.kafka import KafkaSource
from bytewax.dataflow import Dataflow
from bytewax.outputs import DynamicSink, StatelessSinkPartition

from bench.peers.costs import TOPIC, CostRow, rows_of
from bench.peers.store import PostgresStore

_BATCH_EVENTS: Final = 20_000


class _TotalsPartition(StatelessSinkPartition[CostRow]):
    def __init__(self) -> None:
        self._store = PostgresStore(os.environ["DATABASE_URL"])

    def write_batch(self, items: list[CostRow]) -> None:
        self._store.record(items)

    def close(self) -> None:
        self._store.close()


class BytewaxSink(DynamicSink[CostRow]):
    """One connection for each worker of the dataflow."""

    def build(self, *_: Any) -> _TotalsPartition:
        """Return the sink of one worker."""
        return _TotalsPartition()


def _rows(messages: list[Any]) -> list[CostRow]:
    return rows_of(message.value for message in messages)


flow = Dataflow("costs")
_source = KafkaSource([os.environ["KAFKA_BOOTSTRAP_SERVERS"]], [TOPIC], batch_size=_BATCH_EVENTS)
_rows_stream = op.flat_map_batch("price", op.input("events", flow, _source), _rows)
op.output("totals", _rows_stream, BytewaxSink())
