"""`cost-analytics webhooks` and `held`, as operators use them."""

import re
from pathlib import Path
from typing import Any

import pytest

from tests.support.command import run_command
from tests.support.events import cost
from tests.support.recording import BatchWriter, TopicLog


@pytest.fixture
def values(database_url: str) -> dict[str, str]:
    return {"DATABASE_URL": database_url}


def run(values: dict[str, str], directory: Path, *words: str) -> Any:
    return run_command(*words, values=values, cwd=directory)


def test_endpoint_is_made_rotated_and_deleted(values: dict[str, str], tmp_path: Path) -> None:
    made = run(values, tmp_path, "webhooks", "create", "vapi", "--name", "Vapi")
    assert made.returncode == 0, made.stderr
    endpoint = re.findall(r"/api/webhooks/vapi/([A-Za-z0-9_-]{32}) ", made.stdout)[0]
    [secret] = re.findall(r"^secret: (\S{43})$", made.stdout, re.MULTILINE)
    (tmp_path / "secret").write_text("the vendor's own secret\n")
    rotated = run(values, tmp_path, "webhooks", "rotate", "--secret-file", "secret", endpoint)
    assert rotated.returncode == 0, rotated.stderr
    listed = run(values, tmp_path, "webhooks", "list").stdout
    assert endpoint in listed
    assert secret not in listed
    numbers = re.findall(r"(\d+) \(\d{4}", listed)
    assert len(numbers) == 2
    dropped = run(values, tmp_path, "webhooks", "delete-secret", endpoint, numbers[-1])
    assert dropped.returncode == 0, dropped.stderr
    assert run(values, tmp_path, "webhooks", "delete", endpoint).returncode == 0
    assert run(values, tmp_path, "webhooks", "list").stdout == "No endpoints.\n"
    unknown = run(values, tmp_path, "webhooks", "delete", endpoint)
    assert unknown.returncode != 0
    assert "no such endpoint" in unknown.stderr
    wrong = run(values, tmp_path, "webhooks", "create", "acme", "--name", "x")
    assert "`provider` must be one of" in wrong.stderr


async def test_held_calls_are_listed(values: dict[str, str], tmp_path: Path) -> None:
    async with BatchWriter(values["DATABASE_URL"]) as writer:
        await writer.record(TopicLog().batch([cost("lonely", user=None)]))
    listed = run(values, tmp_path, "held", "list").stdout
    assert listed.startswith("lonely  1 events (cost.recorded)")
    kafka = {**values, "KAFKA_BOOTSTRAP_SERVERS": "127.0.0.1:1"}
    unknown = run(kafka, tmp_path, "held", "assign", "other", "--user", "alice")
    assert unknown.returncode != 0
    assert "has no held events" in unknown.stderr
