"""Sends commands to the operator's webhook, signed according to Standard Webhooks."""

from __future__ import annotations

import time
from typing import Final

from aiohttp.abc import AbstractResolver
from yarl import URL

from ledger.commands.execution import ClaimedCommand
from ledger.commands.results import CommandResult
from ledger.notifications.signatures import signature_headers
from streams.commands.requests import JSON_HEADERS, CommandRequest, RequestSender
from streams.notifications.targets import GuardedResolver, RefusedTargetError, check_url

_ENDED: Final = 410
"""A receiver answers 410 if the call has ended."""
_ID_PREFIX: Final = "msg_"


class WebhookReceiver:
    """Posts the CloudEvent of each command to one address."""

    name: Final = "webhook"

    def __init__(
        self,
        address: str,
        secret: str,
        *,
        allow_private: bool = False,
        resolver: AbstractResolver | None = None,
    ) -> None:
        """`allow_private` allows an address in a private network."""
        self._url = URL(address)
        self._secret = secret
        self._allow_private = allow_private
        guard = GuardedResolver(allow_private=allow_private, resolver=resolver)
        self._requests = RequestSender(self.name, guard)

    def refusal(self, command: ClaimedCommand) -> str | None:
        del command
        return None

    async def execute(self, command: ClaimedCommand) -> CommandResult:
        """Post once; any response but 2xx and 410 is a temporary failure."""
        try:
            check_url(self._url, allow_private=self._allow_private)
        except RefusedTargetError as error:
            return CommandResult("permanent", self.name, error=str(error))
        body = command.payload.encode()
        message_id = _ID_PREFIX + command.command_id
        signed = signature_headers(self._secret, message_id, int(time.time()), body)
        response = await self._requests.post(
            CommandRequest(self._url, body, {**JSON_HEADERS, **signed}, (str(self._url),))
        )
        if isinstance(response, CommandResult):
            return response
        result = self._requests.result(response, has_ended=response.status == _ENDED)
        if result.outcome == "permanent":  # the receiver may be fixed before the deadline
            return result._replace(outcome="temporary")
        return result

    async def close(self) -> None:
        await self._requests.close()
