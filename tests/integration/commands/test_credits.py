"""`credits`: grants and voids are events that a worker counts, and `list` shows what is left."""

import json
from pathlib import Path
from typing import Any

from devkit.embedded.apache_kafka import ApacheKafka
from devkit.embedded.tansu import EmbeddedTansu
from messaging.kafka import ConsumerRecord
from schemas.topics import CALL_EVENTS
from tests.support.command import run_command
from tests.support.recording import BatchWriter, TopicLog
from tests.support.topics import read_records

Broker = EmbeddedTansu | ApacheKafka


async def test_grants_and_voids_are_counted_and_listed(
    broker: Broker, database_url: str, tmp_path: Path
) -> None:
    user = f"credit-{broker.port}"
    idempotent = "false" if isinstance(broker, EmbeddedTansu) else "true"
    values = {
        "KAFKA_BOOTSTRAP_SERVERS": broker.bootstrap,
        "KAFKA_IDEMPOTENT": idempotent,
        "DATABASE_URL": database_url,
    }

    def run(*arguments: str) -> Any:
        return run_command("credits", *arguments, values=values, cwd=tmp_path)

    done = run("grant", user, "12.50", "--note", "Invoice 1", "--id", "one", "--priority", "5")
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout == f"Granted {user} $12.50: /cost-analytics/credits one\n"
    for _ in range(2):
        assert run("grant", user, "3", "--expires", "2040-01-31", "--id", "two").returncode == 0
    done = run("void", user, "/cost-analytics/credits", "one", "--reason", "Paid twice")
    assert done.returncode == 0
    assert "USD must be a number above 0 and " in run("grant", user, "-1").stderr

    def is_ours(record: ConsumerRecord) -> bool:
        return user.encode() in (record.value or b"")

    records = await read_records(broker.bootstrap, CALL_EVENTS.name, 4, wanted=is_ours)
    async with BatchWriter(database_url) as writer:
        await writer.record(TopicLog().batch([record.value or b"" for record in records]))
        assert not writer.letters
    listed = [json.loads(line) for line in run("list", user, "--json").stdout.splitlines()]
    assert sorted((one["eventId"], one["state"], one["remainingUsd"]) for one in listed) == [
        ("one", "voided", 0),
        ("two", "valid", 3),
    ]
    assert "$3.00 of $3.00 left, valid, expires 2040-01-31" in run("list", user).stdout
