"""What measures and traces attempts to deliver notifications."""

from __future__ import annotations

from dataclasses import dataclass, field

from ledger.notifications.deliveries import ClaimedDelivery
from streams.metrics.deliveries import DeliveryMeter, DeliveryOutcome
from streams.tracing.deliveries import DeliveryTracing


@dataclass(frozen=True, slots=True)
class DeliveryTelemetry:
    """The metrics of deliveries, and their traces; without `tracing` nothing is traced."""

    meter: DeliveryMeter = field(default_factory=DeliveryMeter)
    tracing: DeliveryTracing | None = None

    async def attempted(
        self, claim: ClaimedDelivery, outcome: DeliveryOutcome, duration_ms: int
    ) -> None:
        """Measure an attempt whose outcome is stored."""
        self.meter.attempted(claim.type, outcome, duration_ms)
        if self.tracing is not None:
            await self.tracing.attempted(claim, outcome, duration_ms)
