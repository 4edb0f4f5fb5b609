"""The embedded database keeps committed data and leaves nothing else behind."""

import asyncio
import os
import shutil
import socket
import stat
import subprocess
import sys
import textwrap
from collections.abc import Iterator
from pathlib import Path

import asyncpg
import pytest

from cost_analytics.backups import wheel_programs
from cost_analytics.minimal_environment import minimal_environment
from devkit.embedded import postgres_files
from devkit.embedded.ports import PortTakenError
from devkit.embedded.postgres import EmbeddedPostgres
from devkit.embedded.processes import Program, ServerError, run_to_end
from tests.support import processes

ROOT = Path(__file__).parents[3]
as_root = pytest.mark.skipif(os.geteuid() != 0, reason="needs root")


@pytest.fixture(scope="module")
def initialised(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A data directory after a first start and stop; tests work on copies."""
    directory = tmp_path_factory.mktemp("initialised")

    async def make() -> None:
        async with EmbeddedPostgres(directory / "data") as server:
            await execute(server.url, "CREATE TABLE kept (n int)", "INSERT INTO kept VALUES (1)")

    asyncio.run(make())
    return directory


@pytest.fixture
def data(initialised: Path, tmp_path: Path) -> Iterator[Path]:
    """A data directory of the test, which no server may use afterwards."""
    # `cp` keeps the owner, which is another account when the tests run as root.
    subprocess.run(["cp", "-a", f"{initialised}/.", str(tmp_path)], check=True)
    yield tmp_path / "data"
    assert processes.wait_for(lambda: not processes.with_in_command_line(str(tmp_path)))


async def execute(url: str, *statements: str) -> None:
    connection = await asyncpg.connect(url)
    try:
        for statement in statements:
            await connection.execute(statement)
    finally:
        await connection.close()


async def ask(url: str, query: str) -> object:
    connection = await asyncpg.connect(url)
    try:
        return await connection.fetchval(query)
    finally:
        await connection.close()


async def count_kept(server: EmbeddedPostgres) -> object:
    return await ask(server.url, "SELECT count(*) FROM kept")


async def test_new_database_has_the_expected_settings(tmp_path: Path) -> None:
    data = tmp_path / "below" / "postgres"
    # The remains of an interrupted first start.
    (tmp_path / "below" / "postgres.new").mkdir(parents=True)
    (tmp_path / "below" / "postgres.new" / "PG_VERSION").write_text("16\n")
    async with EmbeddedPostgres(data) as server:
        assert server.url.endswith(f"@127.0.0.1:{server.port}/cost_analytics")
        assert await ask(server.admin_url, "SHOW server_version_num") >= "160000"  # type: ignore[operator]
        assert await ask(server.url, "SHOW server_encoding") == "UTF8"
        assert await ask(server.url, "SHOW synchronous_commit") == "on"
        assert await ask(server.url, "SHOW timezone") == "UTC"
        collation = "SELECT datcollate FROM pg_database WHERE datname = current_database()"
        assert await ask(server.url, collation) == "C"
    assert not processes.with_in_command_line(str(data))


async def test_second_start_finds_the_data(data: Path) -> None:
    server = EmbeddedPostgres(data)
    for times in (1, 2):
        async with server:
            assert await count_kept(server) == times
            await execute(server.url, "INSERT INTO kept VALUES (1)")
    assert "database system is shut down" in Path(f"{data}.log").read_text()


async def test_committed_data_survives_a_crash(data: Path) -> None:
    async with EmbeddedPostgres(data) as server:
        port, connection = server.port, await asyncpg.connect(server.url)
        await connection.execute("INSERT INTO kept VALUES (2)")
        await server.kill()
        assert not server.process.running
        await server.start()
        assert server.port == port
        assert await count_kept(server) == 2
        connection.terminate()


async def test_death_of_the_server_is_detected(data: Path) -> None:
    async with EmbeddedPostgres(data) as server:
        waiting = asyncio.create_task(server.process.wait())
        os.kill(server.process.pid, 9)
        await asyncio.wait_for(waiting, 60)
        assert "(PostgreSQL) ended by signal SIGKILL; last lines:" in server.process.exit_report()
        assert "ready to accept connections" in server.process.exit_report()


async def test_failed_start_reports_its_reason(data: Path) -> None:
    with pytest.raises(ServerError, match='invalid value for parameter "shared_buffers"'):
        await EmbeddedPostgres(data, settings={"shared_buffers": "much"}).start()


async def test_cancelled_start_leaves_no_process(tmp_path: Path) -> None:
    starting = asyncio.create_task(EmbeddedPostgres(tmp_path / "data").start())
    await asyncio.sleep(0.3)
    starting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await starting
    assert processes.wait_for(lambda: not processes.with_in_command_line(str(tmp_path)))


async def test_taken_port_is_named(data: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(PortTakenError, match=f"port {port} is in use by another program"):
            await EmbeddedPostgres(data, port).start()


async def test_data_in_use_are_refused(data: Path) -> None:
    async with EmbeddedPostgres(data) as first:
        with pytest.raises(
            ServerError, match=f"process {first.process.pid} uses .*: stop the other"
        ):
            await EmbeddedPostgres(data, leftover_seconds_max=1).start()
        assert await count_kept(first) == 1


async def test_stale_pid_file_does_not_prevent_a_start(data: Path) -> None:
    """Containers reuse process ids: the id in the file belongs to another process now."""
    (data / "postmaster.pid").write_text(f"{os.getpid()}\n{data}\n")
    async with EmbeddedPostgres(data) as server:
        assert await count_kept(server) == 1


async def test_data_of_another_version_are_refused(data: Path) -> None:
    (data / "PG_VERSION").write_text("15\n")
    with pytest.raises(ServerError, match="was created by PostgreSQL 15, this is 16"):
        await EmbeddedPostgres(data).start()


async def test_wrong_password_is_refused(data: Path) -> None:
    password = Path(f"{data}.password")
    assert stat.S_IMODE(password.stat().st_mode) == 0o600
    async with EmbeddedPostgres(data) as server:
        url = server.url.replace(password.read_text(), "guess")
        with pytest.raises(asyncpg.InvalidPasswordError):
            await asyncpg.connect(url)


@as_root
async def test_root_can_use_a_private_directory(tmp_path: Path) -> None:
    private = tmp_path / "private"
    private.mkdir(mode=0o700)
    async with EmbeddedPostgres(private / "data") as server:
        assert await ask(server.url, "SHOW server_encoding") == "UTF8"
        assert processes.owner(server.process.pid) != 0


@as_root
async def test_server_runs_as_an_ordinary_user(tmp_path: Path) -> None:
    """The server runs in a process of an account that cannot change to another one."""
    account = postgres_files.server_account(tmp_path / "data")
    assert account is not None
    home = tmp_path / "home"
    home.mkdir()
    postgres_files.set_owner(home, account)
    code = """
        import asyncio
        from pathlib import Path
        from devkit.embedded.postgres import EmbeddedPostgres

        async def main():
            for _ in range(2):
                async with EmbeddedPostgres(Path("data")) as server:
                    print("serves", server.process.pid)

        asyncio.run(main())
    """
    program = Program(
        "the user",
        [sys.executable, "-c", textwrap.dedent(code)],
        tmp_path / "user.log",
        environment=minimal_environment(PYTHONPATH=str(ROOT), HOME=str(home)),
        directory=home,
        account=account,
    )
    assert (await run_to_end(program, timeout_seconds=60)).count("serves") == 2


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="needs Linux: PR_SET_PDEATHSIG")
def test_killed_parent_leaves_no_process(data: Path) -> None:
    code = f"""
        import asyncio
        from pathlib import Path
        from devkit.embedded.postgres import EmbeddedPostgres

        async def main():
            async with EmbeddedPostgres(Path({str(data)!r})) as server:
                print(server.process.pid, flush=True)
                await server.process.wait()

        asyncio.run(main())
    """
    command = [sys.executable, "-c", textwrap.dedent(code)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as parent:
        assert parent.stdout is not None
        family = processes.family(int(parent.stdout.readline()))
        assert len(family) > 1
        parent.kill()

    async def start_again() -> object:
        async with EmbeddedPostgres(data) as server:
            return await count_kept(server)

    # At once: it waits for the server that is about to end.
    assert asyncio.run(start_again()) == 1
    assert processes.wait_for(lambda: not any(processes.alive(pid) for pid in family))


def test_missing_package_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(wheel_programs, "find_spec", lambda name: None)
    with pytest.raises(ServerError, match=r"pip install 'cost-analytics\[dev\]'"):
        postgres_files.find_program("postgres")


def test_programs_come_from_the_package() -> None:
    assert shutil.which(postgres_files.find_program("postgres")) is not None


def test_data_of_another_account_are_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Created as root and then used as an ordinary user: a clear error without a traceback."""

    def forbid(path: Path) -> str:
        raise PermissionError(13, "Permission denied", str(path))

    (tmp_path / "password").touch()
    monkeypatch.setattr(Path, "read_text", forbid)
    with pytest.raises(ServerError, match="belongs to another account"):
        postgres_files.password(tmp_path / "password")
    with pytest.raises(ServerError, match="belongs to another account"):
        postgres_files.check_usable(tmp_path)
