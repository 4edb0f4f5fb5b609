"""Reports what a Pipecat pipeline costs: an observer of its metrics.

PipelineWorker(
    pipeline,
    params=PipelineParams(enable_usage_metrics=True),
    observers=[CostObserver(emitter, user="alice")],
)
"""

from __future__ import annotations

import asyncio
import logging
import weakref
from collections.abc import Callable, Mapping
from datetime import datetime, timezone
from typing import Any, Final, TypeAlias

from cost_analytics_emitter.call import Call, Direction, Status, Tags
from cost_analytics_emitter.emitter import Emitter
from cost_analytics_emitter.events import Number, new_id
from cost_analytics_emitter.framework_call import FrameworkCall

try:
    from pipecat.frames import frames
    from pipecat.observers.base_observer import (
        BaseObserver,
        FrameProcessed,
        FramePushed,
        ProcessorSetUp,
    )
    from pipecat.services.llm_service import LLMService
    from pipecat.services.stt_service import STTService
    from pipecat.services.tts_service import TTSService

    from cost_analytics_emitter.pipecat_usage import PipecatUsage
except ImportError as error:
    raise ImportError(
        "CostObserver needs pipecat-ai 1.14 or newer: pip install 'cost-analytics-emitter[pipecat]'"
    ) from error

__all__ = ["CostObserver"]

GRACE_SECONDS: Final = 2.0
"""How long a request may report its usage after its end, before it is estimated."""
_FAILURES: Final = ("fatal error: ", "can no longer do its job")
"""A part of the reason that Pipecat gives for a cancellation after a failure."""

_Handler: TypeAlias = Callable[[Any], None]

_log: Final = logging.getLogger("cost_analytics_emitter")
# Frames that were counted, by emitter and id: a pipeline that shares frames with another one in
# this process shows them to the observers of both.
_Frames: TypeAlias = weakref.WeakValueDictionary[int, Any]
_counted: Final[weakref.WeakKeyDictionary[Emitter, _Frames]] = weakref.WeakKeyDictionary()


class CostObserver(BaseObserver):
    """Reports the start, the usage and the end of one pipeline as one call.

    `user` is who pays for the call. `call_id` is by default a new one; `call` reports other costs
    and charges of the call. `services` gives names of vendors by class, as the price catalogue has
    them, for instance `{"OpenAILLMService": "groq"}` for an OpenAI client with another address.
    It never raises into the pipeline, and never waits.
    """

    def __init__(
        self,
        emitter: Emitter,
        *,
        user: str,
        persona: str = "default",
        call_id: str | None = None,
        direction: Direction | None = None,
        expected_seconds: Number | None = None,
        tags: Tags | None = None,
        services: Mapping[str, str] | None = None,
    ) -> None:
        super().__init__(observe_every_push=False)
        self._emitter = emitter
        session = new_id()
        self.call: Final[Call] = emitter.call(
            call_id or session,
            user=user,
            persona=persona,
            direction=direction,
            expected_seconds=expected_seconds,
            tags=tags,
        )
        self._usage = PipecatUsage(emitter, self.call, session, services or {})
        self._framework_call = FrameworkCall(self.call, self._usage.settle)
        # A pipeline that is lost without its cleanup, for instance with its event loop.
        weakref.finalize(self, self._framework_call.finish, "failed").atexit = False
        self._counted = _counted.setdefault(emitter, weakref.WeakValueDictionary())
        self._has_own_id = call_id is None
        self._status: Status = "failed"
        self._is_set_up = False
        self._began_at: datetime | None = None
        self._pushed, self._processed = self._of_pushed(), self._of_processed()

    async def setup(self, task_manager: Any) -> None:
        await super().setup(task_manager)
        if self._is_set_up:
            self._emitter.note_unreported(
                "an observer has two pipelines", "make one CostObserver for each pipeline"
            )
        self._is_set_up = True

    async def on_processor_setup(self, data: ProcessorSetUp) -> None:
        self._try(self._check, data.processor)

    async def on_push_frame(self, data: FramePushed) -> None:
        handle = _handler(self._pushed, type(data.frame))
        if handle is not None:
            self._try(handle, data)

    async def on_process_frame(self, data: FrameProcessed) -> None:
        handle = _handler(self._processed, type(data.frame))
        if handle is not None:
            self._try(handle, data)

    async def on_pipeline_started(self) -> None:
        self._try(self._start)

    async def cleanup(self) -> None:
        """Report what is left, and the end of the call."""
        self._try(self._start)
        self._try(self._framework_call.finish, self._status)
        await super().cleanup()

    def _of_pushed(self) -> Mapping[type, _Handler]:
        """Return what happens when a frame is first pushed, by kind."""
        return {
            frames.StartFrame: self._begin,
            frames.MetricsFrame: self._count,
            frames.LLMFullResponseStartFrame: self._begin_reply,
            frames.LLMTextFrame: self._receive,
            frames.LLMThoughtTextFrame: self._receive,
            frames.LLMFullResponseEndFrame: self._end_reply,
            frames.ErrorFrame: self._fail,
            frames.EndFrame: self._end,
            frames.StopFrame: self._end,
            frames.CancelFrame: self._cancel,
        }

    def _of_processed(self) -> Mapping[type, _Handler]:
        """Return what happens when a processor takes a frame, by kind."""
        return {
            frames.LLMContextFrame: self._send,
            frames.InterruptionFrame: self._interrupt,
            frames.CancelFrame: self._interrupt,
            frames.EagerEndOfTurnCancelFrame: self._interrupt,
            frames.LLMTextFrame: self._speak,
        }

    def _try(self, handle: Callable[..., object], *arguments: object) -> None:
        try:
            handle(*arguments)
        except Exception:  # an observer that raises is never called again, and its queue grows
            _log.exception("a frame was not counted", extra={"action": "frame_not_counted"})
            self._emitter.note_unreported("a frame was not counted", "see the error before")

    def _check(self, processor: Any) -> None:
        """Note a service that reports no usage."""
        is_service = isinstance(processor, (LLMService, STTService, TTSService))
        if is_service and not processor.can_generate_metrics():
            self._emitter.note_unreported(
                "services without usage metrics", f"{processor} reports no usage to Pipecat"
            )

    def _begin(self, data: FramePushed) -> None:
        """Note when the call began, and whether the pipeline reports usage at all."""
        self._began_at = datetime.now(timezone.utc)
        self._usage.tracing_context = data.source.processor_setup.tracing_context
        if not data.source.usage_metrics_enabled:
            self._emitter.note_unreported(
                "usage metrics are off",
                "Pipecat reports no usage, so nothing of this pipeline is counted. Give "
                "PipelineWorker params=PipelineParams(enable_usage_metrics=True)",
            )

    def _start(self) -> None:
        """Report the start, once the id and the trace of its spans are known."""
        if self._framework_call.is_started or not self._is_set_up:
            return
        trace = self._usage.new_trace()
        if self._has_own_id and trace is not None:
            # The spans of services name their call by this id.
            self.call.call_id = trace["trace_id"]
        # Before the spans of the pipeline begin: of several starts, the first one counts.
        self._framework_call.start(trace, self._began_at)

    def _count(self, data: FramePushed) -> None:
        frame = data.frame
        if frame.id not in self._counted:
            self._counted[frame.id] = frame
            self._usage.count(data.source, frame.id, frame.data)

    def _send(self, data: FrameProcessed) -> None:
        if _reports(data.processor, LLMService):
            frame = data.frame
            self._usage.send(data.processor, frame.context, is_speculative=frame.speculation)

    def _begin_reply(self, data: FramePushed) -> None:
        if _reports(data.source, LLMService):
            self._usage.begin_reply(data.source)

    def _receive(self, data: FramePushed) -> None:
        self._usage.receive(data.source, data.frame.text)

    def _end_reply(self, data: FramePushed) -> None:
        self._settle_later(self._usage.end_request(data.source, "finished"))

    def _fail(self, data: FramePushed) -> None:
        self._usage.end_request(data.source, "failed")

    def _interrupt(self, data: FrameProcessed) -> None:
        processor, frame = data.processor, data.frame
        if isinstance(processor, LLMService):
            only_speculative = isinstance(frame, frames.EagerEndOfTurnCancelFrame)
            self._settle_later(
                self._usage.end_request(processor, "interrupted", only_speculative=only_speculative)
            )
        elif isinstance(processor, TTSService):
            self._usage.interrupt_speech(processor)

    def _speak(self, data: FrameProcessed) -> None:
        if _reports(data.processor, TTSService):
            self._usage.speak(data.processor, data.frame.text)

    def _settle_later(self, settle: Callable[[], None] | None) -> None:
        if settle is not None:
            asyncio.get_running_loop().call_later(GRACE_SECONDS, self._try, settle)

    def _end(self, _: FramePushed) -> None:
        self._status = "completed"

    def _cancel(self, data: FramePushed) -> None:
        reason = str(data.frame.reason or "")
        if reason.startswith(_FAILURES[0]) or reason.endswith(_FAILURES[1]):
            self._status = "failed"
        else:
            # Bots cancel the pipeline without a reason when the caller hangs up.
            self._status = "terminated" if reason else "completed"


def _reports(processor: Any, kind: Any) -> bool:
    """Return whether a processor is a service of this kind in a pipeline that reports usage."""
    return isinstance(processor, kind) and bool(processor.usage_metrics_enabled)


def _handler(of: Mapping[type, _Handler], kind: type) -> _Handler | None:
    """Return the handler of a kind of frame, or of the nearest kind that it extends."""
    for one in kind.__mro__:
        if one in of:
            return of[one]
    return None
