"""Chooses the receiver of a command: the call's vendor, else the webhook."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress

from ledger.commands.execution import ClaimedCommand
from ledger.commands.results import CommandResult
from streams.commands.receiver import CommandReceiver


class CommandRouter:
    """The configured receivers: one for each vendor by its name, and the webhook."""

    def __init__(
        self, vendors: Mapping[str, CommandReceiver], webhook: CommandReceiver | None = None
    ) -> None:
        self._vendors = vendors
        self._webhook = webhook

    @property
    def targets(self) -> list[str]:
        """The names of the receivers."""
        return [*self._vendors, *([self._webhook.name] if self._webhook else [])]

    def receiver_of(self, command: ClaimedCommand) -> CommandReceiver | CommandResult:
        """Return the receiver of a command, or the result if there is none."""
        refusal = self._vendor_refusal(command)
        if refusal is None:
            return self._vendors[(command.provider or "").lower()]
        if self._webhook is not None:
            return self._webhook
        return CommandResult(
            "unsupported",
            command.provider,
            error=f"{refusal} There is no webhook for commands (COMMANDS_WEBHOOK_URL).",
        )

    def _vendor_refusal(self, command: ClaimedCommand) -> str | None:
        """Return why the call's vendor cannot execute a command; None if it can."""
        if command.provider is None:
            return "No event names the vendor of the call."
        vendor = self._vendors.get(command.provider.lower())
        if vendor is None:
            return f"The vendor {command.provider} is not configured."
        if command.provider_call_id is None:
            return "No event names the vendor's id of the call."
        return vendor.refusal(command)

    async def close(self) -> None:
        """Close all receivers, ignoring network errors."""
        webhook = [self._webhook] if self._webhook else []
        for receiver in (*self._vendors.values(), *webhook):
            with suppress(OSError):
                await receiver.close()
