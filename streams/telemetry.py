"""The metrics and traces of a worker."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial

from ledger.recording.recorder import Recorder
from messaging.producer import RecoveringProducer
from messaging.tracing import Tracer
from streams.metrics.worker import WorkerMeter
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

    def outbox_tracing(self) -> OutboxTracing | None:
        """Return what traces the messages of the outbox."""
        return None if self.tracer is None else OutboxTracing(self.tracer)

    def totals_tracing(self, producer: RecoveringProducer) -> TotalsTracing | None:
        """Return what traces totals, which `producer` sends."""
        return None if self.tracer is None else TotalsTracing(self.tracer, producer)
