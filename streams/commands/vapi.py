"""Ends calls at Vapi: posts `end-call` to the control address that the call's events name.

The address is data from outside. So it is only used on hosts that the operator trusts, and behind
the same guard as webhooks.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from aiohttp.abc import AbstractResolver
from yarl import URL

from ledger.commands.execution import ClaimedCommand
from ledger.commands.results import CommandResult
from streams.commands.requests import JSON_HEADERS, CommandRequest, RequestSender
from streams.notifications.targets import GuardedResolver, RefusedTargetError, check_url

_BODY: Final = b'{"type":"end-call"}'
_ENDED: Final = frozenset({404, 410})


class VapiReceiver:
    """Ends calls through their control addresses on some hosts and their subdomains."""

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
        if command.kind != "cutoff":
            return "Vapi is only asked to end calls."
        return None if command.control_url else "No event names the control address of the call."

    async def execute(self, command: ClaimedCommand) -> CommandResult:
        """Post once; an address that is not known any more means that the call has ended."""
        try:
            url = URL(command.control_url or "")
            self._check(url)
        except ValueError:
            return CommandResult("permanent", self.name, error="The control address is invalid.")
        except RefusedTargetError as error:
            return CommandResult("permanent", self.name, error=str(error))
        answer = await self._requests.post(CommandRequest(url, _BODY, JSON_HEADERS, (str(url),)))
        if isinstance(answer, CommandResult):
            return answer
        return self._requests.result(answer, has_ended=answer.status in _ENDED)

    def _check(self, url: URL) -> None:
        host = (url.host or "").rstrip(".").lower()
        if not any(host == known or host.endswith(f".{known}") for known in self._hosts):
            raise RefusedTargetError("The control address is on no host of VAPI_CONTROL_HOSTS.")
        check_url(url, allow_private=self._allow_private)

    async def close(self) -> None:
        await self._requests.close()
