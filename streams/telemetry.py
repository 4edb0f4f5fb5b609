"""The metrics and traces of a worker."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial

from ledger.recording.recorder import Recorder
from messaging.producer import RecoveringProducer
from messaging.tracing import Tracer
from streams.metrics.worker import WorkerMeter
from streams.publishing.delays import OnPublished
from streams.tracing.batches import TracedRecorder
from streams.tracing.publishing import OutboxTracing, TotalsTracing


@dataclass(frozen=True, slots=True)
class WorkerTelemetry:
    """The metrics of a worker, and its tracer; without a tracer nothing is traced."""

    meter: WorkerMeter = field(default_factory=WorkerMeter)
    tracer: Tracer | None = None

    @property
    def recorder(self) -> Callable[..., Recorder]:
        """The class that records batches; it takes the arguments of Recorder."""
        return Recorder if self.tracer is None else partial(TracedRecorder, self.tracer)

    def of_outbox(self) -> tuple[OnPublished, OutboxTracing | None]:
        """Return the meter and the tracing of the outbox of messages."""
        tracing = None if self.tracer is None else OutboxTracing(self.tracer)
        return self.meter.published, tracing

    def of_totals(self, producer: RecoveringProducer) -> tuple[OnPublished, TotalsTracing | None]:
        """Return the meter and the tracing of totals, which `producer` sends."""
        tracing = None if self.tracer is None else TotalsTracing(self.tracer, producer)
        return self.meter.published, tracing
