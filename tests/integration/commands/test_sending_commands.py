"""`publish` and `simulate`: all events arrive in Kafka unchanged and are acknowledged."""

import json
import signal
import subprocess
import time
from pathlib import Path

import pytest

from devkit.embedded.apache_kafka import ApacheKafka
from devkit.embedded.tansu import EmbeddedTansu
from messaging.kafka import ConsumerRecord
from schemas.topics import CALL_EVENTS
from tests.support.command import COMMAND, environment, run_command
from tests.support.topics import read_records

Broker = EmbeddedTansu | ApacheKafka


@pytest.fixture
def values(broker: Broker) -> dict[str, str]:
    idempotent = "false" if isinstance(broker, EmbeddedTansu) else "true"
    return {"KAFKA_BOOTSTRAP_SERVERS": broker.bootstrap, "KAFKA_IDEMPOTENT": idempotent}


def line(number: int, mark: str) -> bytes:
    event = {"subject": "call", "mark": mark, "number": number, "data": {"userId": f"u{number}"}}
    return json.dumps(event).encode()


async def test_publish_sends_each_line_unchanged(
    values: dict[str, str], broker: Broker, tmp_path: Path
) -> None:
    mark = f"publish-{broker.port}-{time.monotonic_ns()}"
    odd = [mark.encode() + b" no json", b'{"mark": "' + mark.encode() + b'\xff"}']
    lines = [line(number, mark) for number in range(3_000)]
    (tmp_path / "events.jsonl").write_bytes(b"\n".join([*lines, b"", b"  ", *odd]) + b"\n")
    done = run_command("publish", "events.jsonl", values=values, cwd=tmp_path)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.startswith("Sent 3002 events")
    assert "skipped 2 empty lines" in done.stdout

    def ours(record: ConsumerRecord) -> bool:
        return mark.encode() in record.value

    records = await read_records(broker.bootstrap, CALL_EVENTS.name, 3_002, wanted=ours)
    assert sorted(record.value for record in records) == sorted([*lines, *odd])
    keys = {record.value: record.key for record in records}
    assert all(keys[line(number, mark)] == f"u{number}".encode() for number in range(3_000))
    assert keys[odd[0]] is None


def test_publish_reads_standard_input(values: dict[str, str], tmp_path: Path) -> None:
    done = run_command("publish", "-", values=values, cwd=tmp_path, stdin=b"{}\n{}")
    assert done.stdout.startswith("Sent 2 events")


def test_line_too_long_for_kafka_is_named(values: dict[str, str], tmp_path: Path) -> None:
    stdin = b"{}\n" + b"x" * 1_000_000
    done = run_command("publish", "-", values=values, cwd=tmp_path, stdin=stdin)
    assert done.returncode == 1
    assert "Line 2 has more than 921600 bytes" in done.stderr
    assert "1 events were acknowledged before that" in done.stderr


async def test_simulate_sends_the_events_it_would_write(
    values: dict[str, str], broker: Broker, tmp_path: Path
) -> None:
    seed = str(time.monotonic_ns() % 10**9)
    words = ["simulate", "--users", "4", "--calls", "6", "--rate", "2000", "--seed", seed]
    words += ["--start", "2026-01-01", "--malformed", "5"]
    written = run_command(*words, "--out", "events.jsonl", values={}, cwd=tmp_path)
    assert written.returncode == 0, written.stderr
    lines = (tmp_path / "events.jsonl").read_bytes().splitlines()
    done = run_command(*words, values=values, cwd=tmp_path)
    assert done.stdout.startswith(f"Sent {len(lines)} events")
    wanted = set(lines)
    records = await read_records(
        broker.bootstrap, CALL_EVENTS.name, len(lines), wanted=lambda one: one.value in wanted
    )
    assert sorted(record.value for record in records) == sorted(lines)


def test_endless_simulation_stops_on_sigterm(values: dict[str, str], tmp_path: Path) -> None:
    started = time.monotonic()
    process = subprocess.Popen(
        [*COMMAND, "simulate", "--calls", "0", "--rate", "50"],
        cwd=tmp_path,
        env=environment(values),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )
    with process:
        assert process.stderr is not None
        progress = next(line for line in process.stderr if b" events, " in line)
        process.send_signal(signal.SIGTERM)
        out, _ = process.communicate(timeout=60)
    assert process.returncode == 0
    sent = int(out.split()[1])
    assert int(progress.split()[0]) <= sent <= 55 * (time.monotonic() - started)
