"""`cost-analytics notices` with missing or invalid settings."""

from pathlib import Path

import pytest

from devkit.embedded.postgres import EmbeddedPostgres
from tests.support.command import run_command


def test_database_without_a_schema_is_reported(postgres: EmbeddedPostgres, tmp_path: Path) -> None:
    values = {"DATABASE_URL": postgres.admin_url, "KAFKA_BOOTSTRAP_SERVERS": "127.0.0.1:1"}
    done = run_command("notices", values=values, cwd=tmp_path)
    assert done.returncode == 1
    assert "run `cost-analytics migrate` first" in done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize(
    ("values", "code", "words"),
    [
        ({}, 2, "DATABASE_URL is not set"),
        ({"DATABASE_URL": "postgresql://u:hush@127.0.0.1:1/d"}, 1, "cannot be reached"),
        ({"DATABASE_URL": "postgresql://u@h/d", "SMTP_URL": "smtp://u:hush@h"}, 2, "SMTP_FROM"),
    ],
)
def test_startup_errors_are_explained(
    values: dict[str, str], code: int, words: str, tmp_path: Path
) -> None:
    given = {"KAFKA_BOOTSTRAP_SERVERS": "127.0.0.1:1", **values}
    done = run_command("notices", values=given, cwd=tmp_path)
    assert done.returncode == code
    assert words in done.stderr
    assert "hush" not in done.stderr
    assert "Traceback" not in done.stderr
