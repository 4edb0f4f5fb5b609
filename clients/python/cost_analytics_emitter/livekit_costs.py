"""Reports the usage of a LiveKit session as costs, and replaces estimates by real usage."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from datetime import datetime, timezone
from itertools import count
from typing import Any, Final, NamedTuple

from cost_analytics_emitter.call import CallReference
from cost_analytics_emitter.emitter import Emitter
from cost_analytics_emitter.events import new_id
from cost_analytics_emitter.livekit_estimates import Estimate
from cost_analytics_emitter.livekit_metrics import MetricsReading
from cost_analytics_emitter.livekit_nodes import NodeRequest
from cost_analytics_emitter.usage_counts import Usages

_REPORTER: Final = "livekit-session"


class Emission(NamedTuple):
    """A metric of a component, with the run of a node that emitted it and a tag of its trace."""

    component: Any
    metrics: Any
    node: NodeRequest | None
    tags: Mapping[str, str] | None

    @property
    def request(self) -> NodeRequest | None:
        """The request of the metric; None if it is of another kind than the node that ran."""
        is_of_node = self.node is not None and self.metrics.type == f"{self.node.kind}_metrics"
        return self.node if is_of_node else None


class SessionCosts:
    """The events of one attachment. Their ids are its own id and a number."""

    def __init__(self, emitter: Emitter, call: CallReference) -> None:
        self._emitter, self._call = emitter, call
        self._id, self._numbers = new_id(), count(1)
        self._estimates: dict[str, MetricsReading] = {}
        self.counts: Counter[str] = Counter()

    @property
    def estimates(self) -> Mapping[str, MetricsReading]:
        """The estimates that nothing has replaced, by the id of their event."""
        return dict(self._estimates)

    def record(self, reading: MetricsReading, emission: Emission, *, is_assigned: bool) -> None:
        """Report a metric; one of an unknown session gets a call of its own, without a user."""
        metrics, request = emission.metrics, emission.request
        is_estimate = bool(reading.problem)
        if reading.problem:
            self._emitter.note_unreported("counts that contradict", reading.problem)
        if metrics.type == "llm_metrics" and metrics.cancelled:
            is_estimate = True  # the vendor may have continued to count
        if request is not None and request.estimate_id is not None:
            self._void(request.estimate_id)
            request.estimate_id = None
        call = self._call
        if not is_assigned:
            self.counts["unassigned"] += 1
            message = "sessions share a component, and the session of a request is unknown"
            self._emitter.note_unreported("session not known", message)
            call = self._emitter.existing_call(f"unassigned-{self._id}", persona=call.persona)
        self.counts["recorded"] += 1
        details = {
            "requestId": metrics.request_id or None,
            "speechId": getattr(metrics, "speech_id", None),
            "isCancelled": getattr(metrics, "cancelled", None) or None,
        }
        tier = request.tier if request is not None else None
        self._send(
            call,
            reading,
            details,
            is_estimate=is_estimate,
            price_context={"tier": tier} if tier else None,
            tags=emission.tags,
            at=datetime.fromtimestamp(metrics.timestamp, timezone.utc),
        )

    def record_missed(self, reading: MetricsReading) -> None:
        """Report usage that only the session's sums have."""
        self.counts["recorded"] += 1
        self._send(self._call, reading, {"reportedIn": "AgentSession.usage"})

    def record_estimate(self, reading: MetricsReading, estimate: Estimate) -> str:
        """Report an estimate; return the id of its event."""
        self._emitter.note_unreported(estimate.reason, f"{reading.service} {reading.model or ''}")
        details = {"estimatedFrom": estimate.source, "reason": estimate.reason}
        estimate_id = self._send(self._call, reading, details, is_estimate=True)
        self._estimates[estimate_id] = reading
        return estimate_id

    def replace(self, estimate_id: str, usages: Usages) -> None:
        """Report the real usage of an estimate that nothing has replaced."""
        reading = self._estimates.get(estimate_id)
        if reading is not None:
            self._void(estimate_id)
            self.counts["recorded"] += 1
            self._send(self._call, reading._replace(usages=usages), {"replaces": estimate_id})

    def _void(self, estimate_id: str) -> None:
        self.counts["replaced"] += 1
        self._estimates.pop(estimate_id, None)
        void_id = f"{estimate_id}-void"
        self._call.void(estimate_id, "the real usage is known", event_id=void_id)

    def _send(
        self,
        call: CallReference,
        reading: MetricsReading,
        details: Mapping[str, Any],
        *,
        is_estimate: bool = False,
        **fields: Any,
    ) -> str:
        if is_estimate:
            self.counts["estimated"] += 1
        metadata = {"reportedBy": _REPORTER, **details}
        [*units] = reading.usages.items()
        is_single = len(units) == 1
        return call.usage(
            reading.service,
            reading.operation,
            units[0][1] if is_single else reading.usages,
            units[0][0] if is_single else None,
            model=reading.model,
            estimated=is_estimate,
            metadata={name: value for name, value in metadata.items() if value is not None},
            event_id=f"{self._id}-{next(self._numbers)}",
            **fields,
        )
