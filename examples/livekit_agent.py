"""A voice agent of LiveKit that reports what its calls cost, beside a running `make run`.

`make demo WAY=livekit` runs it, with a key of `cost-analytics keys create --scope ingest`. It needs
no network: the session is LiveKit's, and its vendors are simulated. Replace `ScriptedLLM`,
`ScriptedSTT` and `ScriptedTTS` by `openai.LLM()`, `deepgram.STT()` and `elevenlabs.TTS()`.
"""

from __future__ import annotations

import argparse
import asyncio
import logging
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from livekit import rtc
from livekit.agents import Agent, AgentSession, APIConnectOptions, llm, stt, tts
from livekit.agents.types import DEFAULT_API_CONNECT_OPTIONS as CONNECT_OPTIONS
from livekit.agents.utils import shortuuid
from livekit.agents.voice import io

from cost_analytics_emitter import Emitter
from cost_analytics_emitter.livekit import Attachment, attach

SAMPLE_RATE = 16_000
REPORT_SECONDS = 6
SECONDS_PER_WORD = 0.02
LONG = "I can tell you a lot about that, and I will not stop before all of it is said. " * 3
ANSWERS = {"Hello?": "Hello, how can I help?", "Tell me about it.": LONG, "Bye.": "Goodbye."}
# The prices with which the product starts, in US dollars, by unit.
PRICES = {
    "input_tokens": Decimal("0.00001"),
    "output_tokens": Decimal("0.00003"),
    "characters": Decimal("0.00015"),
    "seconds": Decimal("0.0059") / 60,
}


async def talk(emitter: Emitter) -> tuple[str, Decimal]:
    """Hold one call, whose second turn is interrupted; return its id and its costs."""
    session = AgentSession(
        llm=ScriptedLLM(answer, model="gpt-4-turbo", provider="api.openai.com"),
        stt=ScriptedSTT(model="nova-2", provider="Deepgram"),
        tts=ScriptedTTS(model="eleven_turbo_v2_5", provider="ElevenLabs"),
        turn_handling={"turn_detection": "manual"},
        vad=None,
    )
    microphone = session.input.audio = Microphone()
    session.output.audio = Speaker()
    attachment = attach(session, emitter, user="demo", persona="brad_001")
    await session.start(Agent(instructions="You are kind."))
    for text, reply in ANSWERS.items():
        microphone.hear(REPORT_SECONDS)
        speech = session.generate_reply(user_input=text)
        if reply is LONG:
            await asyncio.sleep(0.5)
            await session.interrupt()
        await speech
    await session.aclose()
    if attachment is None:
        raise SystemExit("the session is not followed")
    return attachment.call.call_id, costs_of(session, attachment)


def answer(context: llm.ChatContext) -> ModelReply:
    """Return what the model says, and how many tokens it says it used."""
    text = [item.text_content for item in context.items if item.type == "message"][-1]
    usage = llm.CompletionUsage(prompt_tokens=300, completion_tokens=40, total_tokens=340)
    return ModelReply(ANSWERS[text], usage=usage)


def costs_of(session: Any, attachment: Attachment) -> Decimal:
    """Return what LiveKit counted and what was estimated, at the prices."""
    usages = [reading.usages for reading in attachment.estimates().values()]
    units = {"characters_count": "characters", "audio_duration": "seconds"}
    for one in session.usage.model_usage:
        counted = one.model_dump(include={"input_tokens", "output_tokens", *units})
        if one.type == "tts_usage":
            del counted["audio_duration"]
        usages.append({units.get(name, name): Decimal(value) for name, value in counted.items()})
    costs = (round(PRICES[unit] * used, 9) for one in usages for unit, used in one.items())
    return sum(costs, Decimal())


def main() -> int:
    """Report one call, and print how many events were sent."""
    logging.basicConfig(level=logging.INFO, format="%(levelname)s %(message)s")
    parser = argparse.ArgumentParser(description="Reports a call of three turns.")
    parser.add_argument("--url", required=True, help="the address of Cost Analytics")
    parser.add_argument("--token", required=True, help="the key of this service")
    arguments = parser.parse_args()
    with Emitter(arguments.url, arguments.token, source="/examples/livekit") as emitter:
        call_id, costs = asyncio.run(talk(emitter))
        is_sent = emitter.flush(10)
        counters = emitter.counters()
    sys.stdout.write(f"{counters.sent} events sent of {counters.accepted}\n")
    sys.stdout.write(f"call {call_id} costs {costs.normalize():f} USD\n")
    return 0 if is_sent and not counters.refused else 1


@dataclass
class ModelReply:
    """What a model answers: text, or the call of a tool, and the usage that it reports.

    It waits `wait` seconds before the first word.
    """

    text: str = ""
    tool: str | None = None
    usage: llm.CompletionUsage | None = None
    wait: float = 0.0


class ScriptedLLM(llm.LLM):
    """A model that answers a conversation as `answer` says."""

    def __init__(
        self, answer: Callable[[llm.ChatContext], ModelReply], *, model: str, provider: str
    ) -> None:
        super().__init__()
        self.answer, self._model, self._provider = answer, model, provider

    @property
    def model(self) -> str:
        return self._model

    @property
    def provider(self) -> str:
        return self._provider

    def chat(
        self,
        *,
        chat_ctx: llm.ChatContext,
        tools: list[llm.Tool] | None = None,
        conn_options: APIConnectOptions = CONNECT_OPTIONS,
        **_: Any,
    ) -> llm.LLMStream:
        return _ScriptedReply(self, chat_ctx=chat_ctx, tools=tools or [], conn_options=conn_options)


class _ScriptedReply(llm.LLMStream):
    async def _run(self) -> None:
        reply, request_id = self._llm.answer(self.chat_ctx), shortuuid("chatcmpl-")
        await asyncio.sleep(reply.wait)
        for word in reply.text.split(" ") if reply.text else ():
            delta = llm.ChoiceDelta(role="assistant", content=f"{word} ")
            self._event_ch.send_nowait(llm.ChatChunk(id=request_id, delta=delta))
            await asyncio.sleep(SECONDS_PER_WORD)
        if reply.tool is not None:
            call = llm.FunctionToolCall(name=reply.tool, arguments="{}", call_id=shortuuid("call_"))
            delta = llm.ChoiceDelta(role="assistant", tool_calls=[call])
            self._event_ch.send_nowait(llm.ChatChunk(id=request_id, delta=delta))
        if reply.usage is not None:
            self._event_ch.send_nowait(llm.ChatChunk(id=request_id, usage=reply.usage))


class ScriptedTTS(tts.TTS):
    """Speech of a twentieth of a second for each character; the first needs `wait` seconds."""

    def __init__(self, *, model: str, provider: str, wait: float = 0.0) -> None:
        capabilities = tts.TTSCapabilities(streaming=True)
        super().__init__(capabilities=capabilities, sample_rate=SAMPLE_RATE, num_channels=1)
        self._model, self._provider, self.wait = model, provider, wait

    @property
    def model(self) -> str:
        return self._model

    @property
    def provider(self) -> str:
        return self._provider

    def synthesize(
        self, text: str, *, conn_options: APIConnectOptions = CONNECT_OPTIONS
    ) -> tts.ChunkedStream:
        return self._synthesize_with_stream(text, conn_options=conn_options)

    def stream(self, *, conn_options: APIConnectOptions = CONNECT_OPTIONS) -> tts.SynthesizeStream:
        return _ScriptedSpeech(tts=self, conn_options=conn_options)


class _ScriptedSpeech(tts.SynthesizeStream):
    async def _run(self, output_emitter: tts.AudioEmitter) -> None:
        output_emitter.initialize(
            request_id=shortuuid(),
            sample_rate=SAMPLE_RATE,
            num_channels=1,
            mime_type="audio/pcm",
            stream=True,
        )
        output_emitter.start_segment(segment_id=shortuuid())
        async for text in self._input_ch:
            if isinstance(text, str):
                self._mark_started()
                await asyncio.sleep(self._tts.wait)
                output_emitter.push(bytes(2 * (SAMPLE_RATE // 20) * len(text)))
        output_emitter.end_segment()


class ScriptedSTT(stt.STT):
    """Recognition that reports the seconds of audio, and returns no text."""

    def __init__(self, *, model: str, provider: str) -> None:
        super().__init__(capabilities=stt.STTCapabilities(streaming=True, interim_results=False))
        self._model, self._provider = model, provider

    @property
    def model(self) -> str:
        return self._model

    @property
    def provider(self) -> str:
        return self._provider

    async def _recognize_impl(self, buffer: Any, **_: Any) -> stt.SpeechEvent:
        raise NotImplementedError("only streams are scripted")

    def stream(
        self,
        *,
        conn_options: APIConnectOptions = CONNECT_OPTIONS,
        **_: Any,
    ) -> stt.RecognizeStream:
        return _ScriptedRecognition(stt=self, conn_options=conn_options)


class _ScriptedRecognition(stt.RecognizeStream):
    async def _run(self) -> None:
        seconds = 0.0
        async for frame in self._input_ch:
            seconds += getattr(frame, "duration", 0.0)
            if seconds >= REPORT_SECONDS:
                self._report(seconds)
                seconds = 0.0
        self._report(seconds)

    def _report(self, seconds: float) -> None:
        if seconds:
            self._event_ch.send_nowait(
                stt.SpeechEvent(
                    type=stt.SpeechEventType.RECOGNITION_USAGE,
                    request_id="",
                    recognition_usage=stt.RecognitionUsage(audio_duration=seconds),
                )
            )


class Microphone(io.AudioInput):
    """Audio that a program says, second by second."""

    def __init__(self) -> None:
        super().__init__(label="microphone")
        self._frames: asyncio.Queue[rtc.AudioFrame] = asyncio.Queue()

    def hear(self, seconds: int) -> None:
        """Add silence."""
        for _ in range(seconds):
            data = bytes(2 * SAMPLE_RATE)
            self._frames.put_nowait(rtc.AudioFrame(data, SAMPLE_RATE, 1, SAMPLE_RATE))

    async def __anext__(self) -> rtc.AudioFrame:
        return await self._frames.get()


class Speaker(io.AudioOutput):
    """A loudspeaker that plays at once."""

    def __init__(self) -> None:
        can = io.AudioOutputCapabilities(pause=False)
        super().__init__(label="speaker", capabilities=can, sample_rate=SAMPLE_RATE)
        self._seconds = 0.0

    async def capture_frame(self, frame: rtc.AudioFrame) -> None:
        await super().capture_frame(frame)
        if not self._seconds:
            self.on_playback_started(created_at=time.time())
        self._seconds += frame.duration

    def flush(self) -> None:
        super().flush()
        self._finish(is_interrupted=False)

    def clear_buffer(self) -> None:
        self._finish(is_interrupted=True)

    def _finish(self, *, is_interrupted: bool) -> None:
        if self._seconds:
            played, self._seconds = self._seconds, 0.0
            self.on_playback_finished(playback_position=played, interrupted=is_interrupted)


if __name__ == "__main__":
    sys.exit(main())
