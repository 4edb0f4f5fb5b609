"""The attached sessions of this process, and which of them a metric belongs to.

A component that sessions share reports the metrics of all of them to each of them.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from typing import Any, Final, Literal, Protocol
from weakref import WeakValueDictionary

from cost_analytics_emitter.call import CallReference
from cost_analytics_emitter.livekit_nodes import NodeRequest, follow_nodes

Owner = Literal["mine", "other", "unknown"]

_log: Final = logging.getLogger("cost_analytics_emitter")


class SessionFollower(Protocol):
    """What follows a session."""

    is_closed: bool

    @property
    def call(self) -> CallReference:
        """The call of the session."""

    def begin(self, request: NodeRequest) -> None:
        """A request of the session is about to be made."""

    def finish(self, request: NodeRequest) -> None:
        """A request of the session has ended."""

    def watches(self, component: Any) -> bool:
        """Return whether metrics of a component are received."""


def guarded(handler: Callable[[Any], None]) -> Callable[[Any], None]:
    """Return a handler of LiveKit's events that never raises."""

    def handle(event: Any) -> None:
        try:
            handler(event)
        except Exception:  # the session goes on without its costs
            _log.exception("an event is not followed", extra={"action": "event_not_followed"})

    return handle


class SessionRegistry:
    """Followers by session and by speech.

    Each is used in the thread of its event loop; LiveKit can run jobs in threads.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._followers: dict[Any, SessionFollower] = {}
        self._speeches: WeakValueDictionary[str, SessionFollower] = WeakValueDictionary()
        self._follows_nodes = False

    def add(self, session: Any, follower: SessionFollower) -> None:
        """Add a follower; the first one of the process begins to follow the agents' nodes."""
        with self._lock:
            self._followers[session] = follower
            if self._follows_nodes:
                return
            self._follows_nodes = True
        try:
            follow_nodes(self)
        except AttributeError:  # an unknown version: metrics alone tell less
            _log.warning(
                "this version of livekit-agents has no default nodes: interrupted requests and "
                "shared components are known from metrics only",
                extra={"action": "nodes_not_followed"},
            )

    def remove(self, session: Any, follower: SessionFollower) -> None:
        """Remove a follower, unless another one has taken its place."""
        with self._lock:
            if self._followers.get(session) is follower:
                del self._followers[session]

    def of_session(self, session: Any) -> SessionFollower | None:
        """Return the follower of a session."""
        return self._followers.get(session)

    def note_speech(self, speech_id: str, follower: SessionFollower) -> None:
        """Note the follower of a speech: metrics of its requests contain the speech's id."""
        self._speeches[speech_id] = follower

    def begin(self, request: NodeRequest) -> None:
        """Tell the session's follower; never raises."""
        if (follower := self._followers.get(request.session)) is not None:
            follower.begin(request)

    def finish(self, request: NodeRequest) -> None:
        """Tell the session's follower; never raises."""
        if (follower := self._followers.get(request.session)) is not None:
            follower.finish(request)

    def owner(
        self, follower: SessionFollower, session: Any, component: Any, metrics: Any, request: Any
    ) -> Owner:
        """Return the owner of a metric: by its request, else its speech, else its component."""
        if request is not None and request.session is not None:
            return "mine" if request.session is session else "other"
        speech_id = getattr(metrics, "speech_id", None)
        by_speech = self._speeches.get(speech_id) if speech_id else None
        if by_speech is not None:
            return "mine" if by_speech is follower else "other"
        sharing = self.sharing(component)
        if len(sharing) <= 1:
            return "mine"
        return "unknown" if sharing[0] is follower else "other"

    def sharing(self, component: Any) -> list[SessionFollower]:
        """Return the followers that receive a component's metrics, in the order of attachment."""
        return [one for one in self._all() if one.watches(component)]

    def others(self, follower: SessionFollower) -> list[SessionFollower]:
        """Return the other followers."""
        return [one for one in self._all() if one is not follower]

    def _all(self) -> list[SessionFollower]:
        with self._lock:
            return [*self._followers.values()]


SESSIONS: Final = SessionRegistry()
