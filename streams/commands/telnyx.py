"""Ends calls at Telnyx: `POST /v2/calls/{call_control_id}/actions/hangup`."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Final
from urllib.parse import quote

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

_HAS_ENDED: Final = "90018"
"""The call has already ended: https://developers.telnyx.com/api/errors/90018."""


@dataclass(frozen=True, slots=True)
class TelnyxAccount:
    """An account's address and key."""

    url: str
    api_key: str = field(repr=False)


class TelnyxReceiver:
    """Ends calls of one account."""

    name: Final = "telnyx"

    def __init__(self, account: TelnyxAccount) -> None:
        self._account = account
        self._requests = RequestSender(self.name, hidden=(account.api_key,))

    def refusal(self, command: ClaimedCommand) -> str | None:
        return None if command.kind == "cutoff" else "Telnyx can only end calls."

    async def execute(self, command: ClaimedCommand) -> CommandResult:
        """Hang up; Telnyx ignores a repeated command with the same `command_id`."""
        call = quote(command.provider_call_id or "", safe="")
        request = CommandRequest(
            URL(f"{self._account.url}/v2/calls/{call}/actions/hangup", encoded=True),
            msgspec.json.encode({"command_id": command.command_id}),
            {**JSON_HEADERS, "Authorization": f"Bearer {self._account.api_key}"},
        )
        return await self._requests.execute(request, _has_ended)

    async def close(self) -> None:
        await self._requests.close()


def _has_ended(response: CommandResponse) -> bool:
    if response.status == NOT_FOUND:
        return True
    errors = response.document.get("errors") if isinstance(response.document, dict) else None
    return isinstance(errors, list) and any(
        isinstance(error, dict) and str(error.get("code")) == _HAS_ENDED for error in errors
    )
