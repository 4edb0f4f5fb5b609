"""What goes wrong and when: every choice of a run comes from its seed, and is written down."""

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
"""The ways in which each kind of operation fails."""
_RATES = (0, 0, 2, 5, 15, 40)
"""Failures among a thousand operations of a kind: a seed draws one of these for each kind."""
_LATENCIES_MS = (0, 0, 1, 2, 5, 20, 100)


class Chance:
    """The random choices of one run, and the record of everything that happened in it."""

    def __init__(self, seed: int, faults_max: int | None = None) -> None:
        """`faults_max` keeps all but the first faults from happening: that finds the one at fault."""
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
        """Return what two runs of a seed have in common if they are the same."""
        return self._digest.hexdigest()[:16]

    def note(self, line: str) -> None:
        """Write down what happened."""
        text = f"{self.now():10.3f} {line}"
        self.lines.append(text)
        self._digest.update(text.encode())

    def fault(self, kind: str, where: str) -> str | None:
        """Return how an operation is to fail, or None where it is not."""
        if self._random.randrange(1000) >= self._rates[kind]:
            return None
        how = self._random.choice(FAULTS[kind])
        return how if self.happens(f"{where}: {how}") else None

    def happens(self, what: str) -> bool:
        """Count a fault; returns whether it may still happen."""
        if self.calm or (self._faults_max is not None and self.faults >= self._faults_max):
            return False
        self.faults += 1
        self.note(f"FAULT {self.faults} {what}")
        return True

    def latency_seconds(self) -> float:
        """Return how long an operation takes."""
        return self._random.choice(_LATENCIES_MS) / 1000

    def seconds(self, most: int) -> float:
        """Return a time of up to `most` seconds."""
        return self._random.randrange(most * 1000) / 1000

    def number(self, most: int) -> int:
        """Return a number from 0 to below `most`."""
        return self._random.randrange(most)

    def choice(self, among: Sequence[T]) -> T:
        """Return one of some."""
        return self._random.choice(among)

    def shuffled(self, some: Sequence[T]) -> list[T]:
        """Return some in another order."""
        return self._random.sample(some, len(some))

    def random(self) -> random.Random:
        """Return a source of choices of its own, for what is drawn before the run begins."""
        return random.Random(self._random.randrange(2**32))
