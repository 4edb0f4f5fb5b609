"""A reader that closes early, such as `head`, causes no error."""

import os
import subprocess
from pathlib import Path

import pytest

from tests.support.command import COMMAND, environment


@pytest.mark.parametrize(
    "words",
    [
        ["dlq", "list"],
        ["dlq", "replay", "--dry-run"],
        ["prices", "list"],
        ["bills", "list"],
        ["verify"],
        ["migrate"],
    ],
    ids=" ".join,
)
def test_command_with_closed_output_ends_quietly(
    words: list[str], database_url: str, tmp_path: Path
) -> None:
    reading, writing = os.pipe()
    os.close(reading)
    try:
        done = subprocess.run(
            [*COMMAND, *words],
            stdout=writing,
            stderr=subprocess.PIPE,
            check=False,
            cwd=tmp_path,
            env=environment({"DATABASE_URL": database_url}) | {"PYTHONUNBUFFERED": "1"},
            timeout=60,
        )
    finally:
        os.close(writing)
    assert "PostgreSQL" not in done.stderr.decode()
    assert "Traceback" not in done.stderr.decode()
    assert "Exception" not in done.stderr.decode()
