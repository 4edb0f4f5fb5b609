"""The call of a LiveKit session: its id, its user, its start and its end.

A session begins before its participant is known. Costs are reported meanwhile without a user: the
ledger holds them until `call.started` names one.
"""

from __future__ import annotations

import asyncio
import atexit
import json
import logging
from collections.abc import Callable, Mapping
from datetime import datetime, timezone
from importlib import import_module
from time import monotonic
from typing import Any, Final, NamedTuple, TypeAlias

from cost_analytics_emitter.call import CallReference, Direction, Status
from cost_analytics_emitter.emitter import Emitter
from cost_analytics_emitter.events import new_id

FindUser: TypeAlias = Callable[[Any], str | None]
"""Returns the user of a participant (`rtc.RemoteParticipant`), None if it is not known yet."""

_CLOSE_SECONDS: Final = 6
_FLUSH_SECONDS: Final = 3
"""LiveKit kills a job that takes 10 seconds to shut down."""
_STATUSES: Final[Mapping[str, Status]] = {"error": "failed", "job_shutdown": "terminated"}

_log: Final = logging.getLogger("cost_analytics_emitter")


class CallOptions(NamedTuple):
    """What the bot says about the call; everything else is found in the job and its room."""

    user: str | FindUser | None = None
    call_id: str | None = None
    persona: str | None = None
    direction: Direction | None = None
    tags: Mapping[str, str] | None = None


def user_from_attribute(name: str) -> FindUser:
    """Return a function that reads the user from an attribute of the participant.

    Use it if your tokens do not allow participants to change their own attributes.
    """
    return lambda participant: participant.attributes.get(name) or None


def user_from_metadata(name: str) -> FindUser:
    """Return a function that reads the user from a field of the participant's metadata (JSON).

    Use it if your tokens do not allow participants to change their own metadata.
    """

    def find(participant: Any) -> str | None:
        metadata = json.loads(participant.metadata or "{}")
        found = metadata.get(name) if isinstance(metadata, dict) else None
        return str(found) if found else None

    return find


def _user_from_identity(participant: Any) -> str | None:
    return participant.identity or None


def direction_of(participant: Any) -> Direction | None:
    """Return the direction of a telephone participant; None for all others.

    A dispatch rule creates participants of inbound calls only.
    """
    kinds = import_module("livekit.rtc").ParticipantKind
    if participant.kind != kinds.PARTICIPANT_KIND_SIP:
        return None
    return "inbound" if participant.attributes.get("sip.ruleID") else "outbound"


class SessionCall:
    """Reports the start of a session's call once its user is known, and its end."""

    def __init__(self, session: Any, emitter: Emitter, options: CallOptions) -> None:
        self._session, self._emitter, self._options = session, emitter, options
        self._job = import_module("livekit.agents").get_job_context(required=False)
        call_id = options.call_id or self._id_of_job() or _trace_id() or new_id()
        user = options.user if isinstance(options.user, str) else None
        self.reference: CallReference = emitter.existing_call(
            call_id, user=user, persona=options.persona or self._agent_name()
        )
        self._began, self._began_at = monotonic(), datetime.now(timezone.utc)
        self._is_started = self._is_finished = False
        self._problem = "no participant was linked; give `user=`"
        self._trace_ids: set[str] = set()
        self._closed = asyncio.Event()
        atexit.register(self.finish, "failed")
        if self._job is not None:
            self._job.add_shutdown_callback(self._shut_down)
            self._job.room.on("participant_connected", lambda _: self.look_later())
        if user is not None:
            self._start(None)

    def look_later(self) -> None:
        """Look for the user after all handlers of the current event; never raises."""
        try:
            asyncio.get_running_loop().call_soon(self.look_for_user)
        except RuntimeError:  # outside the event loop: the next event finds the user
            _log.debug("no event loop is running")

    def look_for_user(self) -> None:
        """Report the start if the participant is known now; never raises."""
        if self._is_started:
            return
        try:
            participant = self._participant()
            find = self._options.user if callable(self._options.user) else _user_from_identity
            user = find(participant) if participant is not None else None
            if user:
                self.reference.user = user
                self._start(participant)
        except Exception as error:  # a function of the bot may raise anything
            self._problem = f"`user` failed: {error!r}"

    def tags(self) -> Mapping[str, str] | None:
        """Return the tag of a trace that the call's spans belong to, for its first event."""
        trace_id = _trace_id()
        if trace_id is None or trace_id in self._trace_ids:
            return None
        self._trace_ids.add(trace_id)
        return {"trace_id": trace_id}

    def close(self, reason: str) -> None:
        """Report the end of a session that was closed; `reason` is LiveKit's."""
        self.look_for_user()
        if not self._is_started:
            self._emitter.note_unreported("user not found", f"costs are held: {self._problem}")
        self.finish(_STATUSES.get(reason, "completed"))
        self._closed.set()

    def finish(self, status: Status) -> None:
        """Report the end of the call; later ends are not reported."""
        if not self._is_finished:
            self._is_finished = True
            atexit.unregister(self.finish)
            self.reference.end(status, round(monotonic() - self._began, 3))

    def _start(self, participant: Any) -> None:
        self._is_started = True
        direction = self._options.direction
        if direction is None and participant is not None:
            direction = direction_of(participant)
        data = {
            "callId": self.reference.call_id,
            "userId": self.reference.user,
            "personaId": self.reference.persona,
            "direction": direction,
            "tags": {**(self._options.tags or {}), **(self.tags() or {})} or None,
            **self._vendor(),
        }
        self._emitter.emit("call.started", lambda: data, at=self._began_at)

    def _vendor(self) -> dict[str, str]:
        """Return the fields by which the service can end the call: the name of its room."""
        room = getattr(getattr(self._job, "job", None), "room", None)
        name = getattr(room, "name", None)
        return {"provider": "livekit", "providerCallId": name} if name else {}

    def _participant(self) -> Any:
        """Return the participant that the session talks to, None if there is none yet."""
        try:
            return self._session.room_io.linked_participant
        except RuntimeError:  # the session was started without a room
            if self._job is None:
                return None
        kinds = import_module("livekit.agents.job").DEFAULT_PARTICIPANT_KINDS
        participants = self._job.room.remote_participants.values()
        return next((one for one in participants if one.kind in kinds), None)

    def _id_of_job(self) -> str | None:
        job = getattr(self._job, "job", None)
        return (job.room.sid or job.id or None) if job is not None else None

    def _agent_name(self) -> str:
        job = getattr(self._job, "job", None)
        return (job.agent_name if job is not None else None) or "default"

    async def _shut_down(self) -> None:
        """Report the end of a job whose session was not closed, and send everything."""
        try:
            _ = self._session.current_agent
            await asyncio.wait_for(self._closed.wait(), _CLOSE_SECONDS)
        except (RuntimeError, TimeoutError, asyncio.TimeoutError):  # not started, or not closed
            self.finish("terminated")
        await asyncio.to_thread(self._emitter.flush, _FLUSH_SECONDS)


def _trace_id() -> str | None:
    """Return the id of the current trace in hex; None if tracing is off."""
    try:
        trace = import_module("opentelemetry.trace")
    except ImportError:
        return None
    number = trace.get_current_span().get_span_context().trace_id
    return format(number, "032x") if number else None
