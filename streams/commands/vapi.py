"""Ends and warns calls at Vapi: posts `end-call` or `say` to their control addresses.

The addresses come from the calls' events. So they are only used on hosts that the operator trusts,
and like those of webhooks they must not lead into private networks.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import msgspec
from aiohttp.abc import AbstractResolver
from yarl import URL

from ledger.commands.execution import ClaimedCommand
from ledger.commands.results import CommandResult
from streams.commands.payloads import closing_sentence
from streams.commands.requests import JSON_HEADERS, CommandRequest, RequestSender
from streams.notifications.targets import GuardedResolver, RefusedTargetError, check_url

_END: Final = {"type": "end-call"}
_ENDED: Final = frozenset({404, 410})


class VapiReceiver:
    """Ends and warns calls through their control addresses on some hosts and their subdomains."""

    name: Final = "vapi"

    def __init__(
        self,
        hosts: Sequence[str],
        *,
        allow_private: bool = False,
        resolver: AbstractResolver | None = None,
    ) -> None:
        """`allow_private` allows addresses in private networks."""
        self._hosts = tuple(host.lower() for host in hosts)
        self._allow_private = allow_private
        guard = GuardedResolver(allow_private=allow_private, resolver=resolver)
        self._requests = RequestSender(self.name, guard)

    def refusal(self, command: ClaimedCommand) -> str | None:
        if command.kind == "downgrade":
            return "Vapi cannot change the model of a call."
        return None if command.control_url else "No event names the control address of the call."

    async def execute(self, command: ClaimedCommand) -> CommandResult:
        """Post once; an unknown address means that the call has ended."""
        body = msgspec.json.encode(_END if command.kind == "cutoff" else _say(command))
        try:
            url = URL(command.control_url or "")
            self._check(url)
        except ValueError:
            return CommandResult("permanent", self.name, error="The control address is invalid.")
        except RefusedTargetError as error:
            return CommandResult("permanent", self.name, error=str(error))
        request = CommandRequest(url, body, JSON_HEADERS, (str(url),))
        return await self._requests.execute(request, lambda response: response.status in _ENDED)

    def _check(self, url: URL) -> None:
        host = (url.host or "").rstrip(".").lower()
        if not any(host == known or host.endswith(f".{known}") for known in self._hosts):
            raise RefusedTargetError("The control address is on no host of VAPI_CONTROL_HOSTS.")
        check_url(url, allow_private=self._allow_private)

    async def close(self) -> None:
        await self._requests.close()


def _say(command: ClaimedCommand) -> dict[str, object]:
    return {"type": "say", "content": closing_sentence(command), "endCallAfterSpoken": False}
