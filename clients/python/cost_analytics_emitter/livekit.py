"""Reports what the sessions of LiveKit Agents cost: `attach(session, emitter)`."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from typing import Any, Final

from cost_analytics_emitter.call import Direction
from cost_analytics_emitter.emitter import Emitter
from cost_analytics_emitter.livekit_attachment import Attachment, AttachmentCounters
from cost_analytics_emitter.livekit_call import (
    CallOptions,
    FindUser,
    user_from_attribute,
    user_from_metadata,
)
from cost_analytics_emitter.livekit_sessions import SESSIONS

__all__ = [
    "Attachment",
    "AttachmentCounters",
    "attach",
    "user_from_attribute",
    "user_from_metadata",
]

_log: Final = logging.getLogger("cost_analytics_emitter")


def attach(
    session: Any,
    emitter: Emitter,
    *,
    user: str | FindUser | None = None,
    call_id: str | None = None,
    persona: str | None = None,
    direction: Direction | None = None,
    tags: Mapping[str, str] | None = None,
    services: Mapping[str, str] | None = None,
) -> Attachment | None:
    """Report what a session costs from now on; call it before `session.start`, in its event loop.

    The user is by default the identity of the participant that the session is linked to; a function
    returns another one for a participant. The call's id is by default the id of the job's room
    (its `sid`), else of the job. `persona` is by default the agent's name. `services` are names of
    services of the price catalogue, by the vendor's name in LiveKit's metrics.

    Never raises: a session that cannot be followed is logged, and None is returned.
    """
    try:
        known = SESSIONS.of_session(session)
        if isinstance(known, Attachment):
            if not known.is_closed:
                _log.warning("the session is attached already", extra={"action": "attached_twice"})
                return known
            known.detach()  # the session is started again
        _ = session.on, session.usage  # an object that is not a session, or is too old, has neither
        options = CallOptions(user, call_id, persona, direction, tags)
        return Attachment(session, emitter, options, services or {})
    except Exception as error:  # a bot without its costs is better than no bot
        _log.exception("a session is not followed", extra={"action": "session_not_followed"})
        emitter.note_unreported("session not followed", repr(error))
        return None
