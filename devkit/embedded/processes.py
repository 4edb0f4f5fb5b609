"""A program as a child process: started, watched, stopped, and never left behind.

The child writes directly to its log file, so that a blocked parent never stalls it, and its last
lines are there after any kind of end. It runs in its own session: Ctrl-C in the terminal reaches
only the parent, which stops its children in the right order.

The kernel ends a child when the *thread* that started it ends. So start it from the thread of the
event loop, as these classes do, and keep that thread running.
"""

import asyncio
import contextlib
import os
import shutil
import signal
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import BinaryIO, Final, NamedTuple

import psutil

_LAUNCHER: Final = Path(__file__).with_name("launch.py")
_LOG_BYTES_MAX: Final = 4 * 1024 * 1024
_LOG_GENERATIONS: Final = 3
"""The number of rotated logs, `<name>.1` to `<name>.3`."""
_LOG_MODE: Final = 0o600
_TAIL_BYTES: Final = 16 * 1024
_POLL_SECONDS: Final = 0.01


class SystemAccount(NamedTuple):
    """A system account for a child."""

    uid: int
    gid: int


class ServerError(RuntimeError):
    """An embedded server failed to start or has ended; the message is for people."""


@dataclass(frozen=True, slots=True)
class Program:
    """A program to run, and how to stop it."""

    name: str
    """Its name in messages."""
    command: Sequence[str]
    """Absolute path of the program, then its arguments."""
    log: Path
    """Its output; appended to, and rotated to `<name>.1` when large (`rotate_log`).

    Only our own account may read it.
    """
    environment: Mapping[str, str] = field(default_factory=dict)
    """The child's whole environment: ours, with its secrets, is not passed on."""
    directory: Path | None = None
    stop_signal: signal.Signals = signal.SIGTERM
    """Requests an orderly end."""
    orphan_signal: signal.Signals = signal.SIGKILL
    """Sent by the kernel when the parent dies."""
    account: SystemAccount | None = None
    """The account to change to from root; None keeps ours."""


class ServerProcess:
    """A program that runs as our child."""

    def __init__(self, program: Program) -> None:
        self.program = program
        self._process: asyncio.subprocess.Process | None = None
        self._log_start_bytes = 0

    @property
    def pid(self) -> int:
        """The child's process id, valid after `start`."""
        return self._child.pid

    @property
    def returncode(self) -> int | None:
        """The exit status (negative: the signal that ended it), None while it runs."""
        return self._child.returncode

    @property
    def running(self) -> bool:
        """Whether it was started and has not ended."""
        return self._process is not None and self._process.returncode is None

    async def start(self) -> None:
        """Start the program; returns immediately, before it is ready.

        Raises ServerError if it is running already.
        """
        if self.running:
            raise ServerError(f"{self.program.name} is running already")
        with self._open_log() as log:
            self._process = await asyncio.create_subprocess_exec(
                *self._launch_command(),
                stdin=asyncio.subprocess.DEVNULL,
                stdout=log,
                stderr=asyncio.subprocess.STDOUT,
                env=dict(self.program.environment),
                cwd=self.program.directory,
                start_new_session=True,
            )

    async def wait(self) -> int:
        """Return the exit status once the program has ended."""
        return await self._child.wait()

    async def wait_until(self, ready: Callable[[], bool], timeout_seconds: int) -> None:
        """Return once `ready()` is true; it is called every 10 ms and must not block.

        Raises ServerError with the last lines if the program ends first or time is up.
        """
        deadline = time.monotonic() + timeout_seconds
        while not ready():
            if not self.running:
                raise ServerError(self.exit_report())
            if time.monotonic() > deadline:
                raise ServerError(
                    f"{self.program.name} was not ready after {timeout_seconds} s"
                    f"{self._output_tail()}"
                )
            await asyncio.sleep(_POLL_SECONDS)

    async def stop(self, grace_seconds: int = 10) -> None:
        """Send the stop signal, wait for at most `grace_seconds`, then kill. Safe to repeat."""
        if not self.running:
            return
        self.send(self.program.stop_signal)
        try:
            async with asyncio.timeout(grace_seconds):
                await self.wait()
        except TimeoutError:
            await self.kill()

    def send(self, number: signal.Signals) -> None:
        """Send a signal to the program; does nothing if it has ended."""
        if self.running:
            with contextlib.suppress(ProcessLookupError):
                self._child.send_signal(number)

    async def kill(self) -> None:
        """Kill the program and the processes of its session immediately."""
        if self.running:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(self.pid, signal.SIGKILL)
            await self.wait()

    def last_lines(self, count: int = 10) -> list[str]:
        """Return up to `count` of the last lines that it wrote since this start."""
        try:
            with self.program.log.open("rb") as log:
                end = log.seek(0, os.SEEK_END)
                log.seek(max(self._log_start_bytes, end - _TAIL_BYTES))
                return log.read().decode(errors="replace").splitlines()[-count:]
        except FileNotFoundError:
            return []

    def rotate_log(self) -> None:
        """Rotate the log if it is large, also while the program writes to it.

        The content is copied and the file is truncated, because the program keeps the file open.
        Lines written between the two steps are lost.
        """
        path = self.program.log
        try:
            if path.stat().st_size <= _LOG_BYTES_MAX:
                return
        except FileNotFoundError:
            return
        for number in range(_LOG_GENERATIONS, 1, -1):
            with contextlib.suppress(FileNotFoundError):
                _rotated_path(path, number - 1).replace(_rotated_path(path, number))
        with path.open("rb") as log, _open_private(_rotated_path(path, 1), os.O_TRUNC) as rotated:
            shutil.copyfileobj(log, rotated)
        os.truncate(path, 0)
        self._log_start_bytes = 0

    def memory_bytes(self) -> int:
        """Return the resident memory of the program; 0 if it has ended."""
        try:
            return int(psutil.Process(self.pid).memory_info().rss)
        except psutil.NoSuchProcess:
            return 0

    def exit_report(self) -> str:
        """Return how the program ended, and its last lines."""
        code = self.returncode
        if code is None:
            return f"{self.program.name} is running"
        how = f"by signal {signal.Signals(-code).name}" if code < 0 else f"with status {code}"
        return f"{self.program.name} ended {how}{self._output_tail()}"

    @property
    def _child(self) -> asyncio.subprocess.Process:
        if self._process is None:
            raise ServerError(f"{self.program.name} has not been started")
        return self._process

    def _output_tail(self) -> str:
        lines = self.last_lines()
        return "\n  ".join(["; last lines:", *lines]) if lines else ", without output"

    def _launch_command(self) -> list[str]:
        account = self.program.account or SystemAccount(0, 0)
        launch_options = [os.getpid(), int(self.program.orphan_signal), account.uid, account.gid]
        return [
            sys.executable,
            "-I",
            "-S",
            str(_LAUNCHER),
            *map(str, launch_options),
            *self.program.command,
        ]

    def _open_log(self) -> BinaryIO:
        self.program.log.parent.mkdir(parents=True, exist_ok=True)
        self.rotate_log()
        log = _open_private(self.program.log, os.O_APPEND)
        self._log_start_bytes = log.seek(0, os.SEEK_END)
        return log


def _open_private(path: Path, mode_flags: int) -> BinaryIO:
    """Open a file for writing that only our account may read, also if it was readable before."""
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | mode_flags, _LOG_MODE)
    os.fchmod(descriptor, _LOG_MODE)
    return os.fdopen(descriptor, "wb")


def _rotated_path(path: Path, number: int) -> Path:
    return path.with_name(f"{path.name}.{number}")


async def run_to_end(program: Program, timeout_seconds: int) -> str:
    """Run a program that ends by itself and return the last lines of its output.

    Raises ServerError with those lines if it fails or runs for more than `timeout_seconds`.
    """
    process = ServerProcess(program)
    await process.start()
    try:
        async with asyncio.timeout(timeout_seconds):
            code = await process.wait()
    except TimeoutError as error:
        raise ServerError(f"{program.name} took more than {timeout_seconds} s") from error
    finally:
        await process.kill()
    if code != 0:
        raise ServerError(process.exit_report())
    return "\n".join(process.last_lines())
