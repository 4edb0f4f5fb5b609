"""The random choices of a run: all follow from its seed and are logged."""

import hashlib
import random
from collections.abc import Callable, Mapping, Sequence
from typing import TypeVar

T = TypeVar("T")

FAULTS: Mapping[str, Sequence[str]] = {
    "statement": ("cut before", "cut after", "refused", "no answer before", "no answer after"),
    "commit": ("cut before", "cut after", "cut after", "no answer after", "killed after"),
    "connect": ("refused",),
    "publish": ("refused before", "refused after", "written twice", "no answer"),
    "kafka commit": ("refused before", "refused after"),
    "poll": ("late", "failed"),
}
"""The faults of each kind of operation."""
_RATES = (0, 0, 2, 5, 15, 40)
"""Failures per thousand operations; a seed draws one of these for each kind."""
_LATENCIES_MS = (0, 0, 1, 2, 5, 20, 100)


class Chance:
    """The random choices of one run, and the log of everything that happened in it."""

    def __init__(self, seed: int, faults_max: int | None = None) -> None:
        """`faults_max` allows only the first faults, which finds the decisive one."""
        self._random = random.Random(seed)
        self._faults_max = faults_max
        self._digest = hashlib.sha256()
        self._rates = {kind: self._random.choice(_RATES) for kind in FAULTS}
        self.lines: list[str] = []
        self.faults = 0
        self.calm = False
        self.now: Callable[[], float] = lambda: 0.0

    @property
    def digest(self) -> str:
        """Return the digest of the log, equal for equal runs."""
        return self._digest.hexdigest()[:16]

    def note(self, line: str) -> None:
        """Log an event of the run."""
        text = f"{self.now():10.3f} {line}"
        self.lines.append(text)
        self._digest.update(text.encode())

    def fault(self, kind: str, where: str) -> str | None:
        """Return the fault of an operation, or None."""
        if self._random.randrange(1000) >= self._rates[kind]:
            return None
        how = self._random.choice(FAULTS[kind])
        return how if self.happens(f"{where}: {how}") else None

    def happens(self, what: str) -> bool:
        """Count a fault; returns whether it may happen."""
        if self.calm or (self._faults_max is not None and self.faults >= self._faults_max):
            return False
        self.faults += 1
        self.note(f"FAULT {self.faults} {what}")
        return True

    def latency_seconds(self) -> float:
        """Return the duration of an operation."""
        return self._random.choice(_LATENCIES_MS) / 1000

    def seconds(self, most: int) -> float:
        """Return a time of up to `most` seconds."""
        return self._random.randrange(most * 1000) / 1000

    def number(self, most: int) -> int:
        """Return a number from 0 to below `most`."""
        return self._random.randrange(most)

    def choice(self, among: Sequence[T]) -> T:
        """Return one of several values."""
        return self._random.choice(among)

    def shuffled(self, some: Sequence[T]) -> list[T]:
        """Return values in random order."""
        return self._random.sample(some, len(some))

    def random(self) -> random.Random:
        """Return a separate random generator, for choices before the run starts."""
        return random.Random(self._random.randrange(2**32))
