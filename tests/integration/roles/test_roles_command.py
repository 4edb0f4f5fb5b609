"""`cost-analytics roles create`: logins with passwords, repeatable, for several installations."""

import stat
from pathlib import Path

import pytest

from cost_analytics.configuration.dev_file import read_env_file
from devkit.embedded.postgres import EmbeddedPostgres
from ledger.operations.verification import verify
from ledger.postgres.database import connected
from ledger.postgres.session import check_signature, privileged_login
from tests.support.command import run_command
from tests.support.recording import fetch


@pytest.fixture
async def admin_url(postgres: EmbeddedPostgres) -> str:
    """An empty database, as its administrator."""
    await fetch(postgres.admin_url, "DROP DATABASE IF EXISTS installation WITH (FORCE)")
    await fetch(postgres.admin_url, "CREATE DATABASE installation")
    return postgres.url_of("installation")


def create(admin_url: str, directory: Path, *words: str, **values: str) -> str:
    done = run_command(
        "roles", "create", "--prefix", "second_", *words,
        values={"ADMIN_DATABASE_URL": admin_url, **values}, cwd=directory,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    return done.stdout


async def test_logins_are_created_kept_and_changed(admin_url: str, tmp_path: Path) -> None:
    file = tmp_path / "logins.env"
    result = create(admin_url, tmp_path, "--write", str(file))
    assert "second_api: created, password generated" in result
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    first = read_env_file(file)
    assert len(first) == 5
    await works(first)
    assert "second_api: up to date, password from the environment or FILE" in create(
        admin_url, tmp_path, "--write", str(file)
    )
    assert read_env_file(file) == first
    create(admin_url, tmp_path)
    await works(first)
    create(
        admin_url,
        tmp_path,
        "--write",
        str(file),
        "--rotate",
        WORKER_DATABASE_PASSWORD="given-password",
    )
    second = read_env_file(file)
    assert second["API_DATABASE_URL"] != first["API_DATABASE_URL"]
    assert ":given-password@" in second["WORKER_DATABASE_URL"]
    await works(second)


async def works(urls: dict[str, str]) -> None:
    async with connected(urls["API_DATABASE_URL"], name="tests") as connection:
        assert await privileged_login(connection) is None
        await check_signature(connection, urls["API_DATABASE_URL"])
    async with connected(urls["MIGRATE_DATABASE_URL"], name="tests") as connection:
        assert "owner" in (await privileged_login(connection) or "")
    await verify(urls["OPERATOR_DATABASE_URL"])


async def test_new_login_needs_a_place_for_its_password(admin_url: str, tmp_path: Path) -> None:
    done = run_command(
        "roles", "create", "--prefix", "third_",
        values={"ADMIN_DATABASE_URL": admin_url}, cwd=tmp_path,
    )  # fmt: skip
    assert done.returncode == 2
    assert "--write" in done.stderr


async def test_api_does_not_start_as_a_superuser(admin_url: str, tmp_path: Path) -> None:
    values = {
        "DATABASE_URL": admin_url, "KAFKA_BOOTSTRAP_SERVERS": "127.0.0.1:1",
        "JWT_SECRET": "a-key-of-more-than-thirty-two-bytes",
    }  # fmt: skip
    done = run_command("api", values=values, cwd=tmp_path)
    assert done.returncode == 2
    assert "does not start as the superuser cost_analytics" in done.stderr
