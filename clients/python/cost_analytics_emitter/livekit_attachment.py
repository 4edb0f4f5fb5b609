"""Follows one session of LiveKit Agents and reports its metrics as costs.

Each metric of a component is one event. An interrupted request reports nothing: it becomes an
estimate, which a later report replaces.
"""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from collections.abc import Callable, Mapping
from functools import partial
from typing import Any, Final, NamedTuple

from cost_analytics_emitter.call import CallReference
from cost_analytics_emitter.emitter import Emitter
from cost_analytics_emitter.livekit_call import CallOptions, SessionCall
from cost_analytics_emitter.livekit_costs import Emission, SessionCosts
from cost_analytics_emitter.livekit_estimates import (
    estimate_of,
    estimate_of_realtime,
    read_estimate,
)
from cost_analytics_emitter.livekit_metrics import (
    ONLY_IN_SUMS,
    Difference,
    MetricsReading,
    ObservedSums,
    read_difference,
    read_metrics,
)
from cost_analytics_emitter.livekit_nodes import NodeRequest, component_of, current_request
from cost_analytics_emitter.livekit_sessions import SESSIONS, SessionFollower, guarded
from cost_analytics_emitter.usage_counts import Usages

_LATE_SECONDS: Final = 5
"""How long metrics are still counted after the end of a session."""
_RECENT_METRICS: Final = 64

_log: Final = logging.getLogger("cost_analytics_emitter")


def _note_error(event: Any) -> None:
    """Note the error of the running task's request: the agent may receive another one."""
    request = current_request()
    if request is not None and not getattr(event, "recoverable", True):
        request.error = getattr(event, "error", None) or request.error


_note_error_safely: Final = guarded(_note_error)
"""One handler for all sessions, so a component has it once."""


def _no_job() -> None:
    """Do nothing: the comparison of sums, which follows all jobs, is wanted."""


class AttachmentCounters(NamedTuple):
    """What happened to the metrics of a session.

    `metrics` were received from its components. `recorded` became events; `estimated` of all events
    are estimates, and `replaced` of these were replaced. `elsewhere` belong to other sessions that
    share the component, `unassigned` to a session that is not known. `missed` were in the session's
    sums only. `differences` are all comparisons with those sums that failed.
    """

    metrics: int = 0
    recorded: int = 0
    estimated: int = 0
    replaced: int = 0
    elsewhere: int = 0
    unassigned: int = 0
    missed: int = 0
    differences: int = 0


class Attachment(SessionFollower):
    """The costs of one session, until it is closed."""

    def __init__(
        self, session: Any, emitter: Emitter, options: CallOptions, services: Mapping[str, str]
    ) -> None:
        self.is_closed = False
        self._is_compared = True
        self._session, self._emitter, self._services = session, emitter, services
        self._call = SessionCall(session, emitter, options)
        self._costs = SessionCosts(emitter, self._call.reference)
        self._sums = ObservedSums()
        self._components: dict[int, tuple[Any, Callable[[Any], None]]] = {}
        self._jobs: deque[Callable[[], None]] = deque()
        self._recent: deque[Any] = deque(maxlen=_RECENT_METRICS)
        SESSIONS.add(session, self)
        self._handlers = {name: guarded(handler) for name, handler in self._methods().items()}
        for name, handler in self._handlers.items():
            session.on(name, handler)
        self._watch_all()

    @property
    def call(self) -> CallReference:
        """The call, to report other costs of it: `attachment.call.usage("twilio", …)`."""
        return self._call.reference

    def counters(self) -> AttachmentCounters:
        """Return what happened to the metrics so far."""
        return AttachmentCounters(**self._costs.counts)

    def estimates(self) -> Mapping[str, MetricsReading]:
        """Return the estimates that no real usage has replaced, by the id of their event."""
        return self._costs.estimates

    def replace(self, estimate_id: str, usages: Usages) -> None:
        """Report the real usage of an estimated request, once the bot knows it from the vendor."""
        self._costs.replace(estimate_id, usages)

    def begin(self, request: NodeRequest) -> None:
        """Listen to the component of a request that is about to be made; never raises."""
        self._queue(partial(self._watch, request.component), at_once=True)

    def finish(self, request: NodeRequest) -> None:
        """Estimate what an ended request did not report, after its reports; never raises."""
        self._queue(partial(self._estimate, request))

    def watches(self, component: Any) -> bool:
        """Return whether metrics of a component are received."""
        return id(component) in self._components

    def detach(self) -> None:
        """Stop listening; late metrics are compared a last time."""
        self._is_compared = False
        self._queue(_no_job, at_once=True)
        for component, handler in self._components.values():
            component.off("metrics_collected", handler)
        self._components.clear()
        for name, handler in self._handlers.items():
            self._session.off(name, handler)
        SESSIONS.remove(self._session, self)

    def _methods(self) -> Mapping[str, Callable[[Any], None]]:
        return {
            "agent_state_changed": self._on_progress,
            "conversation_item_added": self._on_progress,
            "user_state_changed": self._on_progress,
            "speech_created": self._on_speech,
            "session_usage_updated": self._on_usage,
            "close": self._on_close,
        }

    def _on_progress(self, _: Any) -> None:
        self._queue(self._watch_all)
        self._call.look_later()

    def _on_speech(self, event: Any) -> None:
        SESSIONS.note_speech(event.speech_handle.id, self)
        self._on_progress(event)

    def _on_usage(self, _: Any) -> None:
        self._is_compared = False
        self._queue(_no_job)

    def _on_close(self, event: Any) -> None:
        self._is_compared = False
        self._queue(_no_job, at_once=True)
        self.is_closed = True
        self._queue(partial(self._call.close, event.reason.value), at_once=True)
        asyncio.get_running_loop().call_later(_LATE_SECONDS, self.detach)

    def _watch_all(self) -> None:
        """Listen to the components of the session and of its current agent."""
        agent = None
        try:
            agent = self._session.current_agent
            self._watch(agent.realtime_llm_session)
        except RuntimeError:  # the agent does not run yet, or has no realtime model
            _log.debug("no realtime session")
        for component in (self._session.llm, self._session.stt, self._session.tts):
            self._watch(component)
        for kind in ("llm", "stt", "tts") if agent is not None else ():
            self._watch(component_of(kind, agent, self._session))

    def _watch(self, component: Any) -> None:
        if not self.watches(component) and callable(getattr(component, "on", None)):
            handler = guarded(partial(self._receive, component))
            component.on("metrics_collected", handler)
            component.on("error", _note_error_safely)
            self._components[id(component)] = component, handler

    def _receive(self, component: Any, metrics: Any) -> None:
        """Take a metric. Adapters of a component emit the same one again."""
        if not any(one is metrics for one in self._recent):
            self._recent.append(metrics)
            emission = Emission(component, metrics, current_request(), self._call.tags())
            self._queue(partial(self._report, emission))

    def _queue(self, job: Callable[[], None], *, at_once: bool = False) -> None:
        """Do a job after all handlers of the current event, which complete its metrics.

        With `at_once` it is done now, after all queued jobs.
        """
        self._jobs.append(job)
        try:
            if not at_once:
                asyncio.get_running_loop().call_soon(self._run_jobs)
                return
        except RuntimeError:
            _log.debug("outside the event loop")
        self._run_jobs()

    def _run_jobs(self) -> None:
        while self._jobs or not self._is_compared:
            # Last, because the session has also summed up metrics that wait here.
            job = self._jobs.popleft() if self._jobs else self._compare
            try:
                job()
            except Exception as error:  # the session goes on
                self._emitter.note_unreported("metrics not understood", repr(error))
                _log.debug("a metric is not reported", exc_info=True)

    def _report(self, emission: Emission) -> None:
        component, metrics, node, _ = emission
        self._costs.counts["metrics"] += 1
        owner = SESSIONS.owner(self, self._session, component, metrics, node)
        self._sums.add(metrics, is_own=owner == "mine")
        reading = read_metrics(metrics, self._services)
        if owner == "other":
            self._costs.counts["elsewhere"] += 1
        elif reading is not None and reading.usages:
            if emission.request is not None:
                emission.request.note_report(metrics)
            is_assigned = owner == "mine" or self._has_one_user(component)
            self._costs.record(reading, emission, is_assigned=is_assigned)
        elif reading is not None:
            self._report_empty(emission, reading)

    def _has_one_user(self, component: Any) -> bool:
        users = {one.call.user for one in SESSIONS.sharing(component)}
        return len(users) == 1 and None not in users

    def _report_empty(self, emission: Emission, reading: MetricsReading) -> None:
        """Estimate a response without usage, unless its request does so at its end."""
        metrics, component = emission.metrics, emission.component
        if metrics.type == "llm_metrics" and emission.request is None:
            request = NodeRequest("llm", self._session, component)
            request.items = [*self._session.current_agent.chat_ctx.items]
            request.is_interrupted = metrics.cancelled
            self._estimate(request)
            return
        is_response = metrics.type == "realtime_model_metrics" and metrics.request_id
        if is_response and (estimate := estimate_of_realtime(component)) is not None:
            self._costs.record_estimate(reading._replace(usages=estimate.usages), estimate)

    def _estimate(self, request: NodeRequest) -> None:
        if (estimate := estimate_of(request)) is not None:
            reading = read_estimate(request, estimate, self._services)
            request.estimate_id = self._costs.record_estimate(reading, estimate)

    def _compare(self) -> None:
        """Compare the session's sums with the received metrics, and report what was missed."""
        self._is_compared = True
        for difference in self._sums.differences(self._session.usage.model_usage):
            if difference.type not in ONLY_IN_SUMS:
                self._costs.counts["differences"] += 1
                message = f"{difference.type} of {difference.provider} {difference.model}: "
                message += f"the session has {dict(difference.amounts)} more than was received"
                self._emitter.note_unreported("sums that differ", message)
            if difference.is_missed and not self._is_shared(difference):
                self._costs.counts["missed"] += difference.type not in ONLY_IN_SUMS
                self._costs.record_missed(read_difference(difference, self._services))

    def _is_shared(self, difference: Difference) -> bool:
        """Return whether another session received metrics of the model, maybe the missed one."""
        others = SESSIONS.others(self)
        return any(isinstance(one, Attachment) and one.has_model(difference) for one in others)

    def has_model(self, difference: Difference) -> bool:
        """Return whether metrics of a difference's model were received."""
        return self._sums.has(difference)
