"""Vendors of a scripted Pipecat conversation, at the framework's own interfaces.

The real services run: their code that reads a vendor's stream and reports usage. Only the streams
are scripted.
"""

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator
from dataclasses import dataclass, field
from typing import Any

from anthropic.types.beta import (
    BetaRawContentBlockDeltaEvent,
    BetaRawContentBlockStartEvent,
    BetaRawMessageDeltaEvent,
    BetaRawMessageStartEvent,
)
from openai.types.chat import ChatCompletionChunk
from pipecat.frames.frames import TTSAudioRawFrame
from pipecat.metrics.metrics import LLMTokenUsage, STTUsage
from pipecat.services.anthropic.llm import AnthropicLLMService
from pipecat.services.openai.llm import OpenAILLMService
from pipecat.services.settings import STTSettings, TTSSettings
from pipecat.services.stt_service import STTService
from pipecat.services.tts_service import TTSService
from pipecat.utils.tracing.service_decorators import traced_tts
from pydantic import BaseModel


@dataclass
class Reply:
    """What a vendor sends for one request: text, a tool call, and its usage.

    With `hangs`, the stream stops before the usage until the request is interrupted; `is_reached`
    is set then. `late` is usage that is only known some time after that.
    """

    text: list[str]
    usage: dict[str, Any] | None = None
    tool: str | None = None
    hangs: bool = False
    late: LLMTokenUsage | None = None
    is_reached: asyncio.Event = field(default_factory=asyncio.Event)

    async def hang(self) -> None:
        self.is_reached.set()
        await asyncio.Event().wait()


class Recorder:
    """Notes each usage that services report, with the kind of service."""

    def __init__(self) -> None:
        self.reported: list[dict[str, Any]] = []

    def add(self, service: str, model: str, usage: object) -> None:
        dumped = usage.model_dump() if isinstance(usage, BaseModel) else usage
        self.reported.append({"service": service, "model": model, "usage": dumped})


class ScriptedOpenAI(OpenAILLMService):
    """OpenAI's service with scripted streams."""

    def __init__(
        self, model: str, script: list[Reply], recorder: Recorder, base_url: str | None = None
    ) -> None:
        super().__init__(
            api_key="none", base_url=base_url, settings=OpenAILLMService.Settings(model=model)
        )
        self.script, self.recorder = script, recorder

    async def get_chat_completions(self, context: Any) -> AsyncIterator[ChatCompletionChunk]:
        return self._stream(self.script.pop(0))

    async def _stream(self, reply: Reply) -> AsyncIterator[ChatCompletionChunk]:
        for text in reply.text:
            yield self._chunk({"content": text})
        if reply.tool:
            call = {"index": 0, "id": "call-1", "function": {"name": reply.tool, "arguments": "{}"}}
            yield self._chunk({"tool_calls": [call]})
        if reply.hangs:
            await reply.hang()
        if reply.usage:
            yield self._chunk(None, reply.usage)

    def _chunk(self, delta: Any, usage: Any = None) -> ChatCompletionChunk:
        choices = [] if delta is None else [{"index": 0, "delta": delta}]
        return ChatCompletionChunk.model_validate(
            {
                "id": "chunk",
                "object": "chat.completion.chunk",
                "created": 1,
                "model": self.settings.model,
                "choices": choices,
                "usage": usage,
            }
        )

    async def start_llm_usage_metrics(self, tokens: LLMTokenUsage) -> None:
        self.recorder.add("openai", self.settings.model, tokens)
        await super().start_llm_usage_metrics(tokens)


class ScriptedAnthropic(AnthropicLLMService):
    """Anthropic's service with scripted streams."""

    def __init__(self, model: str, script: list[Reply], recorder: Recorder) -> None:
        super().__init__(
            api_key="none", client=self, settings=AnthropicLLMService.Settings(model=model)
        )
        self.script, self.recorder = script, recorder
        # The service asks its client for `beta.messages.create`.
        self.beta = self.messages = self

    async def create(self, **_: Any) -> AsyncIterator[Any]:
        return self._stream(self.script.pop(0))

    async def _stream(self, reply: Reply) -> AsyncIterator[Any]:
        assert reply.usage is not None
        opening = {**reply.usage, "output_tokens": 1}
        message = {
            "id": "m", "type": "message", "role": "assistant", "content": [], "stop_reason": None,
            "model": self.settings.model, "stop_sequence": None, "usage": opening,
        }  # fmt: skip
        yield BetaRawMessageStartEvent.model_validate({"type": "message_start", "message": message})
        yield BetaRawContentBlockStartEvent.model_validate(
            {
                "type": "content_block_start",
                "index": 0,
                "content_block": {"type": "text", "text": ""},
            }
        )
        for text in reply.text:
            yield BetaRawContentBlockDeltaEvent.model_validate(
                {
                    "type": "content_block_delta",
                    "index": 0,
                    "delta": {"type": "text_delta", "text": text},
                }
            )
        if reply.hangs:
            await reply.hang()
        ending = {"stop_reason": "end_turn", "stop_sequence": None}
        yield BetaRawMessageDeltaEvent.model_validate(
            {"type": "message_delta", "delta": ending, "usage": reply.usage}
        )

    async def start_llm_usage_metrics(self, tokens: LLMTokenUsage) -> None:
        self.recorder.add("anthropic", self.settings.model, tokens)
        await super().start_llm_usage_metrics(tokens)


class ScriptedVoice(TTSService):
    """A voice that reports the characters that it is given, as voices over HTTP do."""

    seconds = 0.0
    """How long each text takes."""

    def __init__(self, model: str, recorder: Recorder, **options: Any) -> None:
        super().__init__(
            settings=TTSSettings(model=model, voice="v", language=None),
            push_start_frame=True,
            push_stop_frames=True,
            **options,
        )
        self.recorder = recorder

    def can_generate_metrics(self) -> bool:
        return True

    @traced_tts
    async def run_tts(self, text: str, context_id: str) -> AsyncGenerator[Any, None]:
        await self.start_tts_usage_metrics(text)
        await asyncio.sleep(self.seconds)
        yield TTSAudioRawFrame(b"\0\0" * 240, self.sample_rate, 1, context_id=context_id)

    async def start_tts_usage_metrics(self, text: str) -> None:
        # In the mode TOKEN the base reports a whole reply at its end, not through this method.
        if not self._is_streaming_tokens:
            self.recorder.add("elevenlabs", self.settings.model, len(text))
        await super().start_tts_usage_metrics(text)


class ScriptedEar(STTService):
    """A transcription that reports seconds of audio after each utterance. The script says the words."""

    def __init__(self, model: str, recorder: Recorder) -> None:
        super().__init__(settings=STTSettings(model=model, language=None), ttfs_p99_latency=0.1)
        self.recorder = recorder

    def can_generate_metrics(self) -> bool:
        return True

    async def run_stt(self, audio: bytes) -> AsyncGenerator[Any, None]:
        if audio.endswith(b"\1\0"):  # the end of an utterance
            await self.emit_stt_usage_metrics()
        yield None

    async def start_stt_usage_metrics(self, usage: STTUsage) -> None:
        self.recorder.add("deepgram", self.settings.model, usage.audio_seconds)
        await super().start_stt_usage_metrics(usage)
