"""Shows the progress of a long operation: one updated line on a terminal, else several lines."""

from __future__ import annotations

import sys
import time
from typing import Final

_TERMINAL_SECONDS: Final = 0.2
_LINE_SECONDS: Final = 5.0


class Progress:
    """Counts items of a kind (`items`, such as `events`). Short operations print nothing."""

    def __init__(self, items: str, total: int | None = None) -> None:
        self.count = 0
        self._items = items
        self._total = total
        self._stream = sys.stderr
        self._terminal = self._stream.isatty()
        self._pause = _TERMINAL_SECONDS if self._terminal else _LINE_SECONDS
        self._started = self._next = time.monotonic()
        self._next += self._pause
        self._shown = False

    def set(self, count: int) -> None:
        """Set the number of finished items; fast enough to be called for each item."""
        self.count = count
        now = time.monotonic()
        if now >= self._next:
            self._next = now + self._pause
            self._show(now)

    def close(self) -> None:
        """Clear the updated line, so that other output can follow."""
        if self._shown and self._terminal:
            self._stream.write("\r\x1b[K")
            self._stream.flush()
        self._shown = False

    def rate(self) -> int:
        """Return the number of items per second since the start."""
        return round(self.count / max(time.monotonic() - self._started, 1e-3))

    def _show(self, now: float) -> None:
        of = f" of {self._total:,}" if self._total is not None else ""
        seconds = int(now - self._started)
        text = f"{self.count:,}{of} {self._items}, {self.rate():,}/s, {seconds} s"
        self._stream.write(f"\r\x1b[K{text}" if self._terminal else f"{text}\n")
        self._stream.flush()
        self._shown = True


def print_progress(line: str) -> None:
    """Print a line of progress to standard error immediately."""
    print(line, file=sys.stderr, flush=True)  # noqa: T201 - output of the command
