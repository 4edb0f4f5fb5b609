"""Ends calls at Retell: `POST /v2/stop-call/{call_id}`, answered with 204."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Final
from urllib.parse import quote

from yarl import URL

from ledger.commands.execution import ClaimedCommand
from ledger.commands.results import CommandResult
from streams.commands.requests import NOT_FOUND, CommandRequest, RequestSender


@dataclass(frozen=True, slots=True)
class RetellAccount:
    """An account's address and key."""

    url: str
    api_key: str = field(repr=False)


class RetellReceiver:
    """Ends calls of one account."""

    name: Final = "retell"

    def __init__(self, account: RetellAccount) -> None:
        self._account = account
        self._requests = RequestSender(self.name, hidden=(account.api_key,))

    def refusal(self, command: ClaimedCommand) -> str | None:
        return None if command.kind == "cutoff" else "Retell can only end calls."

    async def execute(self, command: ClaimedCommand) -> CommandResult:
        """Stop the call once; a call that Retell does not know has ended."""
        call = quote(command.provider_call_id or "", safe="")
        request = CommandRequest(
            URL(f"{self._account.url}/v2/stop-call/{call}", encoded=True),
            b"",
            {"Authorization": f"Bearer {self._account.api_key}"},
        )
        return await self._requests.execute(request, lambda response: response.status == NOT_FOUND)

    async def close(self) -> None:
        await self._requests.close()
