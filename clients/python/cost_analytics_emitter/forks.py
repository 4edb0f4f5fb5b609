"""Tells emitters in a forked child that it has neither their threads nor their connections."""

from __future__ import annotations

import os
import weakref
from typing import Final, Protocol


class ForkAware(Protocol):
    """An object with threads or connections, which a forked child does not inherit."""

    def restart_after_fork(self) -> None:
        """Forget the parent's threads and connections."""


_known: Final[weakref.WeakSet[ForkAware]] = weakref.WeakSet()


def restart_in_children(one: ForkAware) -> None:
    """Restart an object in each forked child, as long as the object exists."""
    _known.add(one)


def _restart_all() -> None:
    for one in list(_known):
        one.restart_after_fork()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_restart_all)
