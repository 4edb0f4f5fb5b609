"""Child processes are started, watched and stopped, and none is left behind."""

import asyncio
import signal
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest

from cost_analytics.minimal_environment import minimal_environment
from devkit.embedded.processes import Program, ServerError, ServerProcess, run_to_end
from tests.support import processes


def python(directory: Path, code: str) -> Program:
    """Return a program of a few lines of Python."""
    command = [sys.executable, "-u", "-c", textwrap.dedent(code)]
    return Program("the child", command, directory / "log", environment=minimal_environment())


async def test_exit_report_has_status_and_last_lines(tmp_path: Path) -> None:
    child = ServerProcess(python(tmp_path, "print('one'); print('two'); raise SystemExit(3)"))
    await child.start()
    assert await child.wait() == 3
    assert not child.running
    assert child.last_lines(1) == ["two"]
    assert child.exit_report() == "the child ended with status 3; last lines:\n  one\n  two"


async def test_killed_child_is_detected(tmp_path: Path) -> None:
    child = ServerProcess(python(tmp_path, "import time; time.sleep(60)"))
    await child.start()
    child.send(signal.SIGKILL)
    assert await asyncio.wait_for(child.wait(), 10) == -signal.SIGKILL
    assert child.exit_report() == "the child ended by signal SIGKILL, without output"


async def test_exit_report_quotes_the_current_run_only(tmp_path: Path) -> None:
    program = python(tmp_path, "print('again')")
    for _ in range(2):
        child = ServerProcess(program)
        await child.start()
        await child.wait()
    assert child.last_lines() == ["again"]
    assert program.log.read_text() == "again\nagain\n"


async def test_large_log_is_rotated(tmp_path: Path) -> None:
    (tmp_path / "log").write_bytes(b"x" * (4 * 1024 * 1024 + 1))
    await run_to_end(python(tmp_path, "print('new')"), timeout_seconds=60)
    assert (tmp_path / "log").read_text() == "new\n"
    assert (tmp_path / "log.1").exists()


async def test_log_is_rotated_while_it_is_written(tmp_path: Path) -> None:
    code = """
        import time
        for number in range(6):
            print(str(number) * 1024 * 1024 * 5, flush=True)
            print(f"{number} is done", flush=True)
            time.sleep(0.2)
        time.sleep(60)
    """
    child = ServerProcess(python(tmp_path, code))
    await child.start()
    for number in range(6):
        done = [f"{number} is done"]
        await child.wait_until(lambda done=done: child.last_lines(1) == done, 20)  # type: ignore[misc]
        child.rotate_log()
    assert (tmp_path / "log").stat().st_size == 0
    assert [path.read_bytes()[:1] for path in sorted(tmp_path.glob("log.*"))] == [b"5", b"4", b"3"]
    child.rotate_log()  # it is small now
    assert len(list(tmp_path.iterdir())) == 4
    await child.kill()


async def test_only_the_owner_can_read_logs(tmp_path: Path) -> None:
    log = tmp_path / "log"
    log.write_bytes(b"x" * (4 * 1024 * 1024 + 1))
    log.chmod(0o644)
    await run_to_end(python(tmp_path, "print('new')"), timeout_seconds=60)
    await run_to_end(python(tmp_path, "print('x' * 5_000_000)"), timeout_seconds=60)
    child = ServerProcess(python(tmp_path, "print('new'); import time; time.sleep(60)"))
    await child.start()
    modes = {path.name: path.stat().st_mode & 0o777 for path in tmp_path.iterdir()}
    assert modes == {"log": 0o600, "log.1": 0o600, "log.2": 0o600}
    await child.kill()


async def test_stop_sends_sigterm_first(tmp_path: Path) -> None:
    code = """
        import signal, time
        signal.signal(signal.SIGTERM, lambda *_: exit(0))
        print("ready")
        time.sleep(60)
    """
    child = ServerProcess(python(tmp_path, code))
    await child.start()
    await child.wait_until(lambda: child.last_lines() == ["ready"], timeout_seconds=60)
    await child.stop()
    assert child.returncode == 0
    await child.stop()


async def test_child_that_ignores_sigterm_is_killed_with_its_children(tmp_path: Path) -> None:
    code = """
        import signal, subprocess, sys, time
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
        print(subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)"]).pid)
        time.sleep(60)
    """
    child = ServerProcess(python(tmp_path, code))
    await child.start()
    await child.wait_until(lambda: bool(child.last_lines()), timeout_seconds=60)
    grandchild = int(child.last_lines()[0])
    await child.stop(grace_seconds=1)
    assert child.returncode == -signal.SIGKILL
    assert processes.wait_for(lambda: not processes.alive(grandchild))


async def test_waiting_fails_when_a_child_ends_or_times_out(tmp_path: Path) -> None:
    dying = ServerProcess(python(tmp_path, "raise SystemExit('no disk')"))
    await dying.start()
    with pytest.raises(ServerError, match="ended with status 1; last lines:\n  no disk"):
        await dying.wait_until(lambda: False, timeout_seconds=60)
    slow = ServerProcess(python(tmp_path, "import time; time.sleep(60)"))
    await slow.start()
    with pytest.raises(ServerError, match="the child was not ready after 0 s"):
        await slow.wait_until(lambda: False, timeout_seconds=0)
    await slow.kill()


async def test_run_to_end_returns_output_or_fails(tmp_path: Path) -> None:
    assert await run_to_end(python(tmp_path, "print('done')"), timeout_seconds=60) == "done"
    with pytest.raises(ServerError, match="ended with status 2"):
        await run_to_end(python(tmp_path, "raise SystemExit(2)"), timeout_seconds=60)
    with pytest.raises(ServerError, match="took more than 0 s"):
        await run_to_end(python(tmp_path, "import time; time.sleep(60)"), timeout_seconds=0)


async def test_missing_program_is_named(tmp_path: Path) -> None:
    missing = Program("the child", [str(tmp_path / "missing")], tmp_path / "log")
    with pytest.raises(ServerError, match=r"cannot start .*missing: No such file"):
        await run_to_end(missing, timeout_seconds=60)


async def test_child_inherits_no_secret(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("JWT_SECRET", "a secret")
    program = python(tmp_path, "import os; print(sorted(os.environ))")
    assert "JWT_SECRET" not in await run_to_end(program, timeout_seconds=60)


async def test_child_that_was_not_started_has_no_pid() -> None:
    child = ServerProcess(Program("the child", [], Path("log")))
    assert not child.running
    with pytest.raises(ServerError, match="has not been started"):
        assert child.pid
    await child.stop()
    await child.kill()


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="needs Linux: PR_SET_PDEATHSIG")
@pytest.mark.parametrize("loop", ["asyncio", "uvloop"])
def test_children_die_with_a_parent_that_is_killed(tmp_path: Path, loop: str) -> None:
    code = f"""
        import asyncio, sys, {loop}
        from pathlib import Path
        from devkit.embedded.processes import Program, ServerProcess

        async def main():
            command = [sys.executable, "-c", "import time; time.sleep(60)"]
            child = ServerProcess(Program("the child", command, Path("log")))
            await child.start()
            print(child.pid, flush=True)
            await child.wait()

        {loop}.run(main())
    """
    command = [sys.executable, "-c", textwrap.dedent(code)]
    with subprocess.Popen(command, cwd=tmp_path, stdout=subprocess.PIPE, text=True) as parent:
        assert parent.stdout is not None
        child = int(parent.stdout.readline())
        assert processes.alive(child)
        parent.kill()
    assert processes.wait_for(lambda: not processes.alive(child))
