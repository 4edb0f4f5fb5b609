"""Ends calls at LiveKit: deletes the room through its server API, which speaks Twirp with JSON.

The vendor's id of a call is the name of its room.
"""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from typing import Any, Final

import jwt
import msgspec
from yarl import URL

from ledger.commands.execution import ClaimedCommand
from ledger.commands.results import CommandResult
from streams.commands.requests import JSON_HEADERS, CommandRequest, RequestSender

_TOKEN_SECONDS: Final = 60
_CLOCK_SECONDS: Final = 5
"""Clocks may differ by so much."""
_NOT_FOUND: Final = 404


@dataclass(frozen=True, slots=True)
class LiveKitProject:
    """A project's server, as https:// or http://, and the key that signs its tokens."""

    url: str
    api_key: str
    api_secret: str = field(repr=False)


class LiveKitReceiver:
    """Ends calls of one project."""

    name: Final = "livekit"

    def __init__(self, project: LiveKitProject) -> None:
        self._project = project
        self._requests = RequestSender(self.name, hidden=(project.api_secret,))

    def refusal(self, command: ClaimedCommand) -> str | None:
        return None if command.kind == "cutoff" else "LiveKit is only asked to end calls."

    async def execute(self, command: ClaimedCommand) -> CommandResult:
        """Delete the room once, which disconnects everyone in it."""
        room = command.provider_call_id or ""
        return await self._call("DeleteRoom", {"room": room}, {"roomCreate": True})

    async def _call(
        self, method: str, body: dict[str, Any], grants: dict[str, Any]
    ) -> CommandResult:
        """Call a method of the room service; a room that does not exist means the call's end."""
        token = _token(self._project, grants)
        answer = await self._requests.post(
            CommandRequest(
                URL(f"{self._project.url}/twirp/livekit.RoomService/{method}", encoded=True),
                msgspec.json.encode(body),
                {**JSON_HEADERS, "Authorization": f"Bearer {token}"},
                (token,),
            )
        )
        if isinstance(answer, CommandResult):
            return answer
        return self._requests.result(answer, has_ended=answer.status == _NOT_FOUND)

    async def close(self) -> None:
        await self._requests.close()


def _token(project: LiveKitProject, grants: dict[str, Any]) -> str:
    """Return a token of a minute with some grants."""
    now = int(time.time())
    claims = {
        "iss": project.api_key,
        "nbf": now - _CLOCK_SECONDS,
        "exp": now + _TOKEN_SECONDS,
        "video": grants,
    }
    return jwt.encode(claims, project.api_secret, algorithm="HS256")
