"""What measures and traces attempts to execute commands."""

from __future__ import annotations

from dataclasses import dataclass, field

from ledger.commands.execution import ClaimedCommand
from ledger.commands.results import CommandResult
from streams.metrics.commands import CommandMeter
from streams.tracing.commands import CommandTracing


@dataclass(frozen=True, slots=True)
class CommandTelemetry:
    """The metrics of attempts, and their traces; without `tracing` nothing is traced."""

    meter: CommandMeter = field(default_factory=CommandMeter)
    tracing: CommandTracing | None = None

    async def attempted(
        self, claim: ClaimedCommand, result: CommandResult, duration_ms: int
    ) -> None:
        """Measure an attempt whose result is stored."""
        self.meter.attempted(claim.kind, result.outcome, duration_ms)
        if self.tracing is not None:
            await self.tracing.attempted(claim, result, duration_ms)
