"""An emitter that keeps its events, and metrics, rooms and models of LiveKit Agents."""

import time
from collections.abc import Callable
from datetime import datetime
from types import SimpleNamespace
from typing import Any

from livekit import rtc
from livekit.agents import llm, metrics
from livekit.agents.metrics.base import Metadata

from cost_analytics_emitter import Emitter
from examples.livekit_agent import ModelReply, ScriptedLLM
from tests.support.livekit_conversation import LONG, usage

MODEL = {"model": "llama3.1-8b", "provider": "api.cerebras.ai"}


class RecordingEmitter(Emitter):
    """An emitter that keeps its events and sends none."""

    def __init__(self) -> None:
        super().__init__("http://127.0.0.1:9", "a-token", source="/livekit")
        self.events: list[dict[str, Any]] = []

    def emit(
        self,
        event_type: str,
        make_data: Callable[[], dict[str, Any]],
        *,
        event_id: str | None = None,
        at: datetime | None = None,
    ) -> str:
        data = {name: value for name, value in make_data().items() if value is not None}
        number = event_id or f"event-{len(self.events)}"
        self.events.append({"type": event_type, "id": number, **data})
        return number


def answering(*, prompt: int = 100, wait: float = 0.0) -> ScriptedLLM:
    """Return a model whose every reply has the same usage."""

    def answer(context: Any) -> ModelReply:
        texts = [item.text_content for item in context.items if item.type == "message"]
        text = LONG if texts[-1].startswith("long") else "Yes."
        return ModelReply(text, usage=usage(prompt, 2), wait=wait)

    return ScriptedLLM(answer, **MODEL)


def outcome(emitter: RecordingEmitter, *attachments: Any, **more: Any) -> dict[str, Any]:
    return {
        "events": emitter.events,
        "counters": [one.counters()._asdict() for one in attachments],
        "unreported": dict(emitter.counters().unreported),
        **more,
    }


async def say(session: Any, *texts: str) -> None:
    for text in texts:
        await session.generate_reply(user_input=text)


def metrics_of_model(*, prompt: int, completion: int, cancelled: bool = False) -> Any:
    return metrics.LLMMetrics(
        label="model",
        request_id="request",
        timestamp=time.time(),
        duration=1.0,
        ttft=0.1,
        cancelled=cancelled,
        completion_tokens=completion,
        prompt_tokens=prompt,
        prompt_cached_tokens=0,
        total_tokens=prompt + completion,
        tokens_per_second=1.0,
        metadata=Metadata(model_name=MODEL["model"], model_provider=MODEL["provider"]),
    )


def metrics_of_response(request_id: str, *, received: int, cached: int, spoken: int) -> Any:
    """Return the metrics of a realtime model's response, all of it audio."""
    form = metrics.RealtimeModelMetrics
    details = form.CachedTokenDetails(audio_tokens=cached)
    return form(
        request_id=request_id,
        timestamp=time.time(),
        input_tokens=received,
        output_tokens=spoken,
        total_tokens=received + spoken,
        input_token_details=form.InputTokenDetails(
            audio_tokens=received, cached_tokens=cached, cached_tokens_details=details
        ),
        output_token_details=form.OutputTokenDetails(audio_tokens=spoken),
        metadata=Metadata(model_name="gpt-realtime", model_provider="api.openai.com"),
    )


class FakeRoom(rtc.EventEmitter[str]):
    """A room with participants and no connection."""

    name = "room-name"

    def __init__(self, *participants: Any) -> None:
        super().__init__()
        self.remote_participants = {one.identity: one for one in participants}


def participant(identity: str, kind: int = 0, metadata: str = "", **attributes: str) -> Any:
    attributes = {name.replace("_", "."): value for name, value in attributes.items()}
    return SimpleNamespace(
        identity=identity, kind=kind, metadata=metadata, attributes=attributes, name=identity
    )


class SilentRealtimeModel(llm.RealtimeModel):
    """A realtime model whose sessions hear everything and say nothing."""

    def __init__(self) -> None:
        super().__init__(
            capabilities=llm.RealtimeCapabilities(
                message_truncation=False,
                turn_detection=True,
                user_transcription=False,
                auto_tool_reply_generation=False,
                audio_output=True,
                manual_function_calls=False,
            )
        )

    def session(self, *, turn_detection_disabled: bool = False) -> Any:
        return _SilentSession(self)

    async def aclose(self) -> None:
        """Close nothing."""


class _SilentSession(llm.RealtimeSession):
    def __init__(self, model: Any) -> None:
        super().__init__(model)
        self.chat_ctx = llm.ChatContext.empty()
        self.tools = llm.ToolContext.empty()


async def _nothing_later(*_: Any, **__: Any) -> None:
    """Do nothing."""


def _nothing(*_: Any, **__: Any) -> None:
    """Do nothing."""


for _name in llm.RealtimeSession.__abstractmethods__ - {"chat_ctx", "tools"}:
    _is_coroutine = _name.startswith(("update_", "aclose")) and _name != "update_options"
    setattr(_SilentSession, _name, _nothing_later if _is_coroutine else _nothing)
for _name in ("chat_ctx", "tools"):
    setattr(_SilentSession, _name, None)
_SilentSession.__abstractmethods__ = frozenset()
