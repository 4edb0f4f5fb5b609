"""Ends calls at Twilio: `POST …/Accounts/{AccountSid}/Calls/{CallSid}.json`, `Status=completed`."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Final
from urllib.parse import quote

from aiohttp import encode_basic_auth
from yarl import URL

from ledger.commands.execution import ClaimedCommand
from ledger.commands.results import CommandResult
from streams.commands.requests import NOT_FOUND, CommandRequest, CommandResponse, RequestSender

_HEADERS: Final = {"Content-Type": "application/x-www-form-urlencoded"}
_BODY: Final = b"Status=completed"
_INVALID_CALL_STATE: Final = 21220
"""The call is not in progress: https://www.twilio.com/docs/api/errors/21220."""


@dataclass(frozen=True, slots=True)
class TwilioAccount:
    """An account; `api_key` signs in instead of the account if it is set."""

    url: str
    account_sid: str
    auth_token: str = field(repr=False)
    api_key: str | None = None


class TwilioReceiver:
    """Ends calls of one account."""

    name: Final = "twilio"

    def __init__(self, account: TwilioAccount) -> None:
        self._account = account
        self._requests = RequestSender(self.name, hidden=(account.auth_token,))

    def refusal(self, command: ClaimedCommand) -> str | None:
        return None if command.kind == "cutoff" else "Twilio can only end calls."

    async def execute(self, command: ClaimedCommand) -> CommandResult:
        """Complete the call; one that Twilio does not know, or that is not active, has ended."""
        account = self._account
        path = f"/2010-04-01/Accounts/{quote(account.account_sid, safe='')}/Calls"
        call = quote(command.provider_call_id or "", safe="")
        login = encode_basic_auth(account.api_key or account.account_sid, account.auth_token)
        request = CommandRequest(
            URL(f"{account.url}{path}/{call}.json", encoded=True),
            _BODY,
            {**_HEADERS, "Authorization": login},
        )
        return await self._requests.execute(request, _has_ended)

    async def close(self) -> None:
        await self._requests.close()


def _has_ended(response: CommandResponse) -> bool:
    document = response.document
    code = document.get("code") if isinstance(document, dict) else None
    return response.status == NOT_FOUND or code == _INVALID_CALL_STATE
