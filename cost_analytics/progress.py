"""Shows how a long operation goes on: a line that renews itself on a terminal, lines elsewhere."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from typing import Final, TextIO

_TERMINAL_SECONDS: Final = 0.2
_LINE_SECONDS: Final = 5.0


class Progress:
    """Counts things. `what` names them: `events`. Says nothing about what is over at once."""

    def __init__(self, what: str, total: int | None = None, stream: TextIO | None = None) -> None:
        self.count = 0
        self._what = what
        self._total = total
        self._stream = stream or sys.stderr
        self._terminal = self._stream.isatty()
        self._pause = _TERMINAL_SECONDS if self._terminal else _LINE_SECONDS
        self._started = self._next = time.monotonic()
        self._next += self._pause
        self._shown = False

    def set(self, count: int) -> None:
        """Say how many are done by now; cheap enough to be called for each."""
        self.count = count
        now = time.monotonic()
        if now >= self._next:
            self._next = now + self._pause
            self._show(now)

    def close(self) -> None:
        """End the line that renews itself, so that others can follow."""
        if self._shown and self._terminal:
            self._stream.write("\r\x1b[K")
            self._stream.flush()
        self._shown = False

    def rate(self) -> int:
        """Return how many were done in each second since the start."""
        return round(self.count / max(time.monotonic() - self._started, 1e-3))

    def _show(self, now: float) -> None:
        of = f" of {self._total:,}" if self._total is not None else ""
        seconds = int(now - self._started)
        text = f"{self.count:,}{of} {self._what}, {self.rate():,}/s, {seconds} s"
        self._stream.write(f"\r\x1b[K{text}" if self._terminal else f"{text}\n")
        self._stream.flush()
        self._shown = True


def plain_reporter() -> Callable[[str], None]:
    """Return what prints a line of progress, on standard error and at once."""

    def report(line: str) -> None:
        print(line, file=sys.stderr, flush=True)  # noqa: T201 - the command line speaks here

    return report
