"""`backup` and `restore` as processes, into another server without our roles."""

import json
import os
import subprocess
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from cost_analytics.configuration.dev_file import DEVELOPMENT_SERVER
from devkit.embedded.postgres import EmbeddedPostgres
from devkit.embedded.postgres_files import find_program
from ledger.operations.verification import verify
from ledger.postgres.database import connected
from ledger.postgres.migrate import migrate
from ledger.postgres.viewers import Viewer, reader_pool
from ledger.recording.epochs import current_epoch, raise_epoch
from tests.conftest import UNSAFE_BUT_FAST
from tests.support import parts
from tests.support.api import ApiClient, served_from
from tests.support.command import COMMAND, environment
from tests.support.logins import as_login
from tests.support.recording import BatchWriter, TopicLog, fetch, until
from tests.support.streams_of_calls import stream_of_calls
from tests.support.totals import read_totals


@pytest.fixture
async def other_server(tmp_path: Path) -> AsyncIterator[EmbeddedPostgres]:
    """A new server with an empty database."""
    async with EmbeddedPostgres(tmp_path / "other" / "data", settings=UNSAFE_BUT_FAST) as server:
        yield server


def run(url: str, *arguments: str | Path) -> subprocess.CompletedProcess[str]:
    """Run a command on a database; returns the finished process."""
    return subprocess.run(
        [*COMMAND, *map(str, arguments)],
        env=environment({"DATABASE_URL": url}),
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )


async def count_calls(database_url: str) -> None:
    """Record some calls."""
    async with BatchWriter(database_url) as writer:
        log = TopicLog()
        events = stream_of_calls(20, 5, seed=4)
        for start in range(0, len(events), 50):
            await writer.record(log.batch(events[start : start + 50]))


async def readable_calls(url: str) -> int:
    """Return how many calls the API can read."""
    async with (
        reader_pool(url) as readers,
        readers.reading(Viewer("", reads_all=True)) as connection,
    ):
        return int(await connection.fetchval("SELECT count(*) FROM calls"))


async def test_backup_is_restored_on_a_new_server(
    database_url: str, other_server: EmbeddedPostgres, tmp_path: Path
) -> None:
    await count_calls(database_url)
    taken = run(database_url, "backup", "--to", f"{tmp_path}/backups/")
    assert taken.returncode == 0, taken.stderr
    dump = Path(taken.stdout.splitlines()[-1])
    manifest = json.loads(dump.with_name(f"{dump.name}.json").read_text())
    assert manifest["contents"]["counts"]["calls"] == 20
    assert [path.name for path in dump.parent.iterdir() if path.name.startswith(".")] == []

    await count_later(database_url)
    restored = run(other_server.url, "restore", dump)
    assert restored.returncode == 0, restored.stderr
    assert "loading calls" in restored.stderr
    assert run(other_server.url, "verify").stdout.endswith("Differences: 0\n")
    assert len((await read_totals(other_server.url)).calls) == 20
    assert await readable_calls(other_server.url) == 20
    async with connected(other_server.url, name="test") as connection:
        epoch = await current_epoch(connection)
        assert epoch.epoch > manifest["contents"]["epoch"]
        assert not epoch.is_published
        newest = await raise_epoch(connection, "rebuild", above=epoch.epoch + 1_000)

    again = run(other_server.url, "restore", dump)
    assert again.returncode == 1
    assert "is not empty" in again.stderr
    replaced = run(other_server.url, "restore", dump, "--replace")
    assert replaced.returncode == 0, replaced.stderr
    async with connected(other_server.url, name="test") as connection:
        assert (await current_epoch(connection)).epoch > newest


async def count_later(database_url: str) -> None:
    """Record a call that the backup does not have."""
    await fetch(
        database_url,
        "INSERT INTO calls (call_id, user_id, version, updated_at) VALUES ('later', 'u', 1, now())",
    )


async def test_damaged_or_incomplete_backup_is_refused(database_url: str, tmp_path: Path) -> None:
    dump = tmp_path / "ledger.dump"
    assert run(database_url, "backup", "--to", dump).returncode == 0
    refused = run(database_url, "backup", "--to", dump)
    assert (refused.returncode, "exists already" in refused.stderr) == (1, True)
    with dump.open("r+b") as file:
        file.seek(1_000)
        file.write(b"damage")
    damaged = run(database_url, "restore", dump, "--replace")
    assert (damaged.returncode, "is damaged" in damaged.stderr) == (1, True)
    dump.with_name("ledger.dump.json").unlink()
    unfinished = run(database_url, "restore", dump, "--replace")
    assert (unfinished.returncode, "is not complete" in unfinished.stderr) == (1, True)
    assert (await verify(database_url)).differences == 0


async def test_login_without_the_rights_is_told_the_way_out(
    database_url: str, tmp_path: Path
) -> None:
    operator, dump = as_login(database_url, "operator"), tmp_path / "ledger.dump"
    refused = run(operator, "backup", "--to", dump)
    assert (refused.returncode, refused.stdout) == (1, "")
    assert "The login cost_analytics_operator cannot read all of " in refused.stderr
    assert "ADMIN_DATABASE_URL must name the owner of the tables" in refused.stderr
    assert [*tmp_path.iterdir()] == []

    assert run(database_url, "backup", "--to", dump).returncode == 0
    before = await fetch(database_url, "SELECT epoch FROM ledger_epochs")
    refused = run(operator, "restore", dump, "--replace")
    assert refused.returncode == 1
    assert "ADMIN_DATABASE_URL must name the owner of the tables" in refused.stderr
    assert await fetch(database_url, "SELECT epoch FROM ledger_epochs") == before
    assert (await verify(database_url)).differences == 0


async def test_failed_restore_leaves_nothing_behind(
    database_url: str, other_server: EmbeddedPostgres, tmp_path: Path
) -> None:
    """A type in the target conflicts with the dump, which is found only while loading."""
    dump = tmp_path / "ledger.dump"
    assert run(database_url, "backup", "--to", dump).returncode == 0
    await fetch(other_server.url, "CREATE DOMAIN calls AS text")
    failed = run(other_server.url, "restore", dump)
    assert failed.returncode == 1
    assert "pg_restore failed" in failed.stderr
    tables = await fetch(
        other_server.url, "SELECT relname FROM pg_class WHERE relnamespace = 'public'::regnamespace"
    )
    assert tables == []
    refused = run(other_server.url, "migrate")  # as a deployment does: no empty ledger begins
    assert (refused.returncode, "repeat it" in refused.stderr) == (1, True)
    await fetch(other_server.url, "DROP DOMAIN calls")
    assert run(other_server.url, "restore", dump).returncode == 0
    assert run(other_server.url, "migrate").returncode == 0


async def test_server_of_a_running_dev_is_not_replaced(database_url: str, tmp_path: Path) -> None:
    """It would be stopped in the middle, and begin an empty ledger at its next start."""
    dump = tmp_path / "ledger.dump"
    assert run(database_url, "backup", "--to", dump).returncode == 0
    named = UNSAFE_BUT_FAST | {"cluster_name": DEVELOPMENT_SERVER}
    async with EmbeddedPostgres(tmp_path / "dev" / "data", settings=named) as server:
        await fetch(server.url, "CREATE TABLE calls ()")
        refused = run(server.url, "restore", dump, "--replace")
        assert (refused.returncode, "another server" in refused.stderr) == (1, True)
        assert await fetch(server.url, "SELECT FROM calls") == []


async def test_manual_restore_without_roles_is_detected_and_repaired(
    database_url: str, other_server: EmbeddedPostgres, tmp_path: Path
) -> None:
    await count_calls(database_url)
    dump = tmp_path / "by-hand.dump"
    subprocess.run(
        [find_program("pg_dump"), "-Fc", f"--dbname={database_url}", f"--file={dump}"], check=True
    )
    loaded = subprocess.run(
        [find_program("pg_restore"), "--no-owner", f"--dbname={other_server.url}", str(dump)],
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, "LC_ALL": "C"},
    )
    errors = loaded.stderr.count("error: could not execute query")
    parts.figures.append(f"pg_restore by hand into a new server: {errors} errors")
    assert errors > 0

    noticed = run(other_server.url, "verify")
    assert noticed.returncode == 1
    assert "Differences: 0" in noticed.stdout
    assert "The server has no role cost_analytics_reader." in noticed.stdout

    await migrate(other_server.url)
    assert run(other_server.url, "verify").returncode == 0
    assert await readable_calls(other_server.url) == 20
    assert await access_of(other_server.url) == await access_of(database_url)


_GRANTEES = """grantee ~ '^cost_analytics_(reader|viewer|reports|figures|[a-z]+_rights)$'"""


async def access_of(url: str) -> list[tuple[str, ...]]:
    """Return every policy and grant of our roles, as text."""
    queries = (
        """SELECT tablename, policyname, cmd, roles::text, qual, with_check
           FROM pg_policies ORDER BY 1, 2""",
        f"""SELECT table_name, grantee, privilege_type
            FROM information_schema.role_table_grants WHERE {_GRANTEES} ORDER BY 1, 2, 3""",
        f"""SELECT table_name, column_name, grantee, privilege_type
            FROM information_schema.role_column_grants WHERE {_GRANTEES} ORDER BY 1, 2, 3, 4""",
        f"""SELECT routine_schema, routine_name, grantee
            FROM information_schema.routine_privileges
            WHERE {_GRANTEES} OR grantee = 'PUBLIC' AND routine_schema <> 'pg_catalog'
              AND routine_schema <> 'information_schema' ORDER BY 1, 2, 3""",
        """SELECT proname, proowner::regrole::text FROM pg_proc
           WHERE pronamespace = 'cost_analytics_reads'::regnamespace ORDER BY 1""",
    )
    return [tuple(map(str, row)) for query in queries for row in await fetch(url, query)]


async def test_unreadable_schema_is_not_ready(
    database_url: str,
) -> None:
    await count_calls(database_url)
    async with served_from(database_url) as api:
        await assert_readiness_becomes(api, 200)
        await fetch(database_url, "DROP POLICY own_rows ON calls")
        await assert_readiness_becomes(api, 503)
        await migrate(database_url)
        await assert_readiness_becomes(api, 200)


async def test_reads_without_their_functions_answer_503(database_url: str) -> None:
    async with served_from(database_url) as api:
        await fetch(database_url, "DROP SCHEMA cost_analytics_reads CASCADE")
        assert (await api.get("/api/costs/user/alice/spending", "alice")).status == 503
        await assert_readiness_becomes(api, 503)
        await migrate(database_url)
        assert (await api.get("/api/costs/user/alice/spending", "alice")).status == 200
        await assert_readiness_becomes(api, 200)


async def assert_readiness_becomes(api: ApiClient, status: int) -> None:
    """Wait until `/ready`, which is refreshed in the background, has this status."""

    async def answers() -> bool:
        return (await api.get("/ready")).status == status

    await until(answers)


async def test_epoch_can_be_raised_by_command(database_url: str) -> None:
    raised = run(database_url, "epoch", "raise", "--reason", "recovered to 12:00")
    assert raised.returncode == 0, raised.stderr
    epoch = raised.stdout.split()[-1].rstrip(".")
    assert f"{epoch}  " in (listed := run(database_url, "epoch", "list").stdout)
    assert "published not yet  recovered to 12:00" in listed
