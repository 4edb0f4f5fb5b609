"""Executes commands at LiveKit through its server API, which speaks Twirp with JSON.

The vendor's id of a call is the name of its room. The end of a call deletes the room. The steps
before the end are data messages. Only the agents in the room get them, because they say what the
call costs.
"""

from __future__ import annotations

import base64
import time
from dataclasses import dataclass, field
from typing import Any, Final
from uuid import UUID

import jwt
import msgspec
from yarl import URL

from ledger.commands.execution import ClaimedCommand
from ledger.commands.results import CommandResult
from streams.commands.requests import (
    JSON_HEADERS,
    NOT_FOUND,
    CommandRequest,
    CommandResponse,
    RequestSender,
)

_TOKEN_SECONDS: Final = 60
_CLOCK_SECONDS: Final = 5
"""The assumed maximum difference between clocks."""
_OK: Final = 200
_TOPIC_PREFIX: Final = "cost-analytics."
_AGENT: Final = ("AGENT", 4)
"""The kind of a participant, by its name or its number in LiveKit's protocol."""


@dataclass(frozen=True, slots=True)
class LiveKitProject:
    """A project's server, as https:// or http://, and the key that signs its tokens."""

    url: str
    api_key: str
    api_secret: str = field(repr=False)


class LiveKitReceiver:
    """Executes commands about calls of one project."""

    name: Final = "livekit"

    def __init__(self, project: LiveKitProject) -> None:
        self._project = project
        self._requests = RequestSender(self.name, hidden=(project.api_secret,))

    def refusal(self, command: ClaimedCommand) -> str | None:
        del command
        return None

    async def execute(self, command: ClaimedCommand) -> CommandResult:
        """Try once: delete the room, which disconnects everyone in it, or message its agents."""
        room = command.provider_call_id or ""
        if command.kind == "cutoff":
            response = await self._call("DeleteRoom", {"room": room}, {"roomCreate": True})
            return self._result(response)
        return await self._message_agents(command, room)

    async def _message_agents(self, command: ClaimedCommand, room: str) -> CommandResult:
        """Send the CloudEvent of a command to the agents in the room."""
        grants = {"roomAdmin": True, "room": room}
        found = await self._call("ListParticipants", {"room": room}, grants)
        if isinstance(found, CommandResult) or found.status != _OK:
            return self._result(found)
        agents = _agents_in(found.document)
        if not agents:  # an agent may join before the deadline
            return CommandResult("temporary", self.name, str(_OK), "No agent is in the room.")
        body = {
            "room": room,
            "data": base64.b64encode(command.payload.encode()).decode(),
            "kind": "RELIABLE",
            "destinationIdentities": agents,
            "topic": f"{_TOPIC_PREFIX}{command.kind}",
            # The nonce lets the server recognize a repeated message.
            "nonce": base64.b64encode(UUID(command.command_id).bytes).decode(),
        }
        return self._result(await self._call("SendData", body, grants))

    def _result(self, response: CommandResponse | CommandResult) -> CommandResult:
        """Return the result; without its room the call has ended."""
        if isinstance(response, CommandResult):
            return response
        return self._requests.result(response, has_ended=response.status == NOT_FOUND)

    async def _call(
        self, method: str, body: dict[str, Any], grants: dict[str, Any]
    ) -> CommandResponse | CommandResult:
        """Call a method of the room service."""
        token = _token(self._project, grants)
        return await self._requests.post(
            CommandRequest(
                URL(f"{self._project.url}/twirp/livekit.RoomService/{method}", encoded=True),
                msgspec.json.encode(body),
                {**JSON_HEADERS, "Authorization": f"Bearer {token}"},
                (token,),
                reads_success=method == "ListParticipants",
            )
        )

    async def close(self) -> None:
        await self._requests.close()


def _token(project: LiveKitProject, grants: dict[str, Any]) -> str:
    """Return a token with these grants, valid for a minute."""
    now = int(time.time())
    claims = {
        "iss": project.api_key,
        "nbf": now - _CLOCK_SECONDS,
        "exp": now + _TOKEN_SECONDS,
        "video": grants,
    }
    return jwt.encode(claims, project.api_secret, algorithm="HS256")


def _agents_in(document: Any) -> list[str]:
    """Return the identities of the agents among listed participants."""
    listed = document.get("participants") if isinstance(document, dict) else None
    return [
        str(participant["identity"])
        for participant in listed or ()
        if participant.get("kind") in _AGENT and participant.get("identity")
    ]
