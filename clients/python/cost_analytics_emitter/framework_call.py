"""The call of a framework's session, which ends even if the framework loses the session."""

from __future__ import annotations

import atexit
from collections.abc import Callable
from datetime import datetime

from cost_analytics_emitter.call import Call, Status, Tags


class FrameworkCall:
    """A call that is started once, and ends by `finish`, at the latest when the program ends.

    `settle` reports what is left before the end. Neither may refer to the framework's session, so
    that a session that was lost can be collected.
    """

    def __init__(self, call: Call, settle: Callable[[], None]) -> None:
        self._call, self._settle = call, settle
        self._is_started = self._is_finished = False

    @property
    def is_started(self) -> bool:
        return self._is_started

    def start(self, tags: Tags | None = None, at: datetime | None = None) -> None:
        """Report the start; later starts are not reported."""
        if not self._is_started:
            self._is_started = True
            # Registered after the emitter's own function, so it runs before that.
            atexit.register(self.finish, "failed")
            self._call.start(tags=tags, at=at)

    def finish(self, status: Status) -> None:
        """Report the end of a started call; later ends are not reported."""
        if self._is_started and not self._is_finished:
            self._is_finished = True
            atexit.unregister(self.finish)
            try:
                self._settle()
            finally:
                self._call.finish(status)
