"""Tests marked `alone` run while no other process of the same run tests anything.

They state bounds on seconds, which hold on a machine that does nothing else.
"""

import fcntl
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pytest

MARKER = "alone"


def sort_last(items: list[pytest.Item]) -> None:
    """Move the tests that run alone to the end, where they make nothing else wait."""
    items.sort(key=is_alone)


def is_alone(item: pytest.Item) -> bool:
    """Return whether a test runs alone."""
    return item.get_closest_marker(MARKER) is not None


@contextmanager
def turn(item: pytest.Item) -> Iterator[None]:
    """Wait until the test may run: alone, or beside others that need not be alone."""
    if not hasattr(item.config, "workerinput"):  # one process runs everything
        yield
        return
    assert item.config.cache is not None
    directory = item.config.cache.mkdir(MARKER)
    entrance, room = directory / "entrance", directory / "room"
    with ExitStack() as stack:
        if is_alone(item):
            # While a test waits here, none enters, so the tests in the room come to an end.
            stack.enter_context(_locked(entrance, fcntl.LOCK_EX))
            stack.enter_context(_locked(room, fcntl.LOCK_EX))
        else:
            with _locked(entrance, fcntl.LOCK_SH):
                stack.enter_context(_locked(room, fcntl.LOCK_SH))
        yield


@contextmanager
def _locked(path: Path, kind: int) -> Iterator[None]:
    with path.open("a") as file:
        fcntl.flock(file, kind)
        yield
