"""Shows the progress of the benchmark: one updated line on a terminal, else plain lines."""

from __future__ import annotations

import sys
import time
from typing import Final, TextIO

_CLEAR: Final = "\r\x1b[K"


class StepProgress:
    """Writes to standard error, so that standard output has only the tables."""

    def __init__(self, stream: TextIO | None = None) -> None:
        self._stream = stream or sys.stderr
        self._terminal = self._stream.isatty()
        self._started = time.monotonic()
        self._title = ""

    def title(self, text: str) -> None:
        """Start a step."""
        self._title = text

    def update(self, text: str) -> None:
        """Show the state of the step; on a terminal it replaces the last line."""
        seconds = int(time.monotonic() - self._started)
        line = f"{seconds // 60:2d}:{seconds % 60:02d}  {self._title}: {text}"
        self._stream.write(f"{_CLEAR}{line}" if self._terminal else f"{line}\n")
        self._stream.flush()

    def result(self, text: str) -> None:
        """Show the result of the step permanently."""
        self.update(text)
        if self._terminal:
            self._stream.write("\n")
            self._stream.flush()
