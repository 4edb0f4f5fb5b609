"""Pathway: tables over the topic, written by its connector for PostgreSQL.

Events and totals are written as snapshots, each table by transactions of its own. A repeated event
has one row and counts twice: to count it once, the dataflow would have to keep every event in
memory (`groupby` by its id), also with a primary key in the schema of this source.
"""

from __future__ import annotations

import os
import tempfile
from typing import Any
from urllib.parse import urlsplit

import pathway as pw

from bench.peers.costs import PRICES, TOPIC


class CostEvent(pw.Schema):
    """The fields of an event that are used."""

    source: str
    event_id: str
    type: str
    time: str
    user_id: str
    call_id: str
    service: str = pw.column_definition(default_value="")
    operation: str = pw.column_definition(default_value="")
    model: str = pw.column_definition(default_value="")
    usage: int = pw.column_definition(default_value=0)
    unit: str = pw.column_definition(default_value="")
    metadata: pw.Json = pw.column_definition(default_value=pw.Json({}))


_FIELDS = {
    "source": "/source",
    "event_id": "/id",
    "type": "/type",
    "time": "/time",
    "user_id": "/data/userId",
    "call_id": "/data/callId",
    "service": "/data/service",
    "operation": "/data/operation",
    "model": "/data/model",
    "usage": "/data/usage",
    "unit": "/data/unit",
    "metadata": "/data/metadata",
}


def _cost_nano(service: Any, usage: Any) -> Any:
    """Return the expression of a cost in nano-dollars, rounded half-even in whole numbers."""
    cost: Any = 0
    for name, (nano, units) in PRICES.items():
        whole, rest = usage * nano // units, usage * nano % units
        half = (2 * rest == units) & (whole % 2 == 1)
        rounded = whole + pw.if_else((2 * rest > units) | half, 1, 0)
        cost = pw.if_else(service == name, rounded, cost)
    return cost


def _settings(database_url: str) -> dict[str, str]:
    url = urlsplit(database_url)
    return {
        "host": str(url.hostname),
        "port": str(url.port),
        "dbname": url.path[1:],
        "user": str(url.username),
        "password": str(url.password),
    }


def build(bootstrap_servers: str, database_url: str) -> None:
    """Define the tables and where they are written."""
    events = pw.io.kafka.read(
        {
            "bootstrap.servers": bootstrap_servers,
            "group.id": "pathway",
            "auto.offset.reset": "earliest",
        },
        topic=TOPIC,
        schema=CostEvent,
        format="json",
        json_field_paths=_FIELDS,
        autocommit_duration_ms=200,
    )
    costs = events.with_columns(
        time=pw.this.time.dt.strptime("%Y-%m-%dT%H:%M:%S.%fZ").dt.to_utc("UTC"),
        cost_nano=_cost_nano(pw.this.service, pw.this.usage),
    )
    totals = {"events": pw.reducers.count(), "cost_nano": pw.reducers.sum(pw.this.cost_nano)}
    calls = costs.groupby(pw.this.call_id).reduce(pw.this.call_id, **totals)
    dated = costs.select(
        pw.this.user_id, pw.this.cost_nano, day=pw.this.time.dt.strftime("%Y-%m-%d")
    )
    users = dated.groupby(pw.this.user_id, pw.this.day).reduce(
        pw.this.user_id, pw.this.day, **totals
    )
    postgres = _settings(database_url)
    for table, name, keys in (
        (costs, "cost_events", [costs.source, costs.event_id]),
        (calls, "call_totals", [calls.call_id]),
        (users, "user_totals", [users.user_id, users.day]),
    ):
        pw.io.postgres.write(table, postgres, name, output_table_type="snapshot", primary_key=keys)


def main() -> None:
    """Record events until the process is ended."""
    build(os.environ["KAFKA_BOOTSTRAP_SERVERS"], os.environ["DATABASE_URL"])
    state = pw.persistence.Backend.filesystem(tempfile.mkdtemp(dir="."))
    pw.run(
        monitoring_level=pw.MonitoringLevel.NONE,
        persistence_config=pw.persistence.Config(state, snapshot_interval_ms=1_000),
    )


if __name__ == "__main__":
    main()
