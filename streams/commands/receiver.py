"""The interface of receivers: vendors of calls, and the webhook of commands."""

from __future__ import annotations

from typing import Final, Protocol

from ledger.commands.execution import ClaimedCommand
from ledger.commands.results import CommandResult

ATTEMPT_MS: Final = 10_000
"""The maximum duration of an attempt, including name resolution."""


class CommandReceiver(Protocol):
    """Executes commands; may be used concurrently. `name` is stored with each attempt."""

    @property
    def name(self) -> str: ...

    def refusal(self, command: ClaimedCommand) -> str | None:
        """Return a sentence that says why it cannot execute a command; None if it can."""

    async def execute(self, command: ClaimedCommand) -> CommandResult:
        """Try once, within ATTEMPT_MS, and return the result; raises no errors of its own."""

    async def close(self) -> None:
        """Close connections."""
