"""Says what the benchmark is at: a line that renews itself on a terminal, plain lines elsewhere."""

from __future__ import annotations

import sys
import time
from typing import Final, TextIO

_CLEAR: Final = "\r\x1b[K"


class Narrator:
    """Writes to standard error, so that standard output holds the tables alone."""

    def __init__(self, stream: TextIO | None = None) -> None:
        self._stream = stream or sys.stderr
        self._terminal = self._stream.isatty()
        self._started = time.monotonic()
        self._title = ""

    def title(self, words: str) -> None:
        """Begin a step."""
        self._title = words

    def say(self, words: str) -> None:
        """Say what the step is at; on a terminal it replaces what was said before."""
        seconds = int(time.monotonic() - self._started)
        line = f"{seconds // 60:2d}:{seconds % 60:02d}  {self._title}: {words}"
        self._stream.write(f"{_CLEAR}{line}" if self._terminal else f"{line}\n")
        self._stream.flush()

    def result(self, words: str) -> None:
        """Say what came of the step; the line stays."""
        self.say(words)
        if self._terminal:
            self._stream.write("\n")
            self._stream.flush()
