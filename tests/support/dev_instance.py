"""A running `dev` process and its output."""

import signal
import subprocess
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from tests.support.command import COMMAND, environment
from tests.support.processes import alive, family, wait_for

READY_SECONDS = 90
STOP_SECONDS = 20


class DevInstance:
    """A running `dev` and its output."""

    def __init__(self, directory: Path, values: Mapping[str, str]) -> None:
        self._out = (directory / "out.txt").open("w+b")
        self.process = subprocess.Popen(
            [*COMMAND, "dev"],
            cwd=directory,
            env=environment(values),
            stdin=subprocess.DEVNULL,
            stdout=self._out,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )

    def output(self) -> str:
        self._out.seek(0)
        return self._out.read().decode()

    def curl(self) -> str:
        """Wait for the `curl` line and return it."""
        wait_for(lambda: "\ncurl " in self.output() or not self.running(), READY_SECONDS)
        lines = [line for line in self.output().splitlines() if line.startswith("curl ")]
        assert lines, self.output()
        return lines[0]

    def running(self) -> bool:
        return self.process.poll() is None

    def end(self, number: signal.Signals) -> int:
        """Send a signal, check that no process remains, and return the exit code."""
        processes_of_dev = family(self.process.pid)
        self.process.send_signal(number)
        code = self.process.wait(STOP_SECONDS)
        assert wait_for(lambda: not any(map(alive, processes_of_dev)), 60), processes_of_dev
        return code

    def close(self) -> None:
        if self.running():
            self.process.kill()
            self.process.wait()
        self._out.close()


@contextmanager
def dev(directory: Path, **values: str) -> Iterator[DevInstance]:
    running = DevInstance(directory, values)
    try:
        yield running
    finally:
        running.close()
