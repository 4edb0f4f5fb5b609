"""A scripted conversation of ten turns in a real Pipecat pipeline, as a process of its own.

Interruptions, cached tokens, a tool call, two models, usage that comes late. With `traced`, the
pipeline's spans are sent as well. It prints what the services reported, and what the emitter
counted, as JSON.
"""

import asyncio
import json
import sys
from collections.abc import Awaitable, Callable
from typing import Any

from opentelemetry import trace
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor
from pipecat.frames.frames import (
    InputAudioRawFrame,
    InterruptionFrame,
    LLMFullResponseEndFrame,
    LLMMessagesAppendFrame,
    ManuallySwitchServiceFrame,
)
from pipecat.metrics.metrics import LLMTokenUsage
from pipecat.pipeline.llm_switcher import LLMSwitcher
from pipecat.pipeline.pipeline import Pipeline
from pipecat.pipeline.worker import PipelineParams, PipelineWorker
from pipecat.processors.aggregators.llm_context import LLMContext
from pipecat.processors.aggregators.llm_response_universal import LLMContextAggregatorPair
from pipecat.processors.frame_processor import FrameProcessor
from pipecat.workers.runner import WorkerRunner

from cost_analytics_emitter import Emitter
from cost_analytics_emitter.pipecat import CostObserver
from tests.support.pipecat_vendors import (
    Recorder,
    Reply,
    ScriptedAnthropic,
    ScriptedEar,
    ScriptedOpenAI,
    ScriptedVoice,
)

GPT, CLAUDE, VOICE, EAR = "gpt-4-turbo", "claude-haiku-4-5", "eleven_turbo_v2_5", "nova-2"
SECONDS_MAX = 20
HALF_A_SECOND = b"\0\0" * 7999 + b"\1\0"
LATE = LLMTokenUsage(prompt_tokens=420, completion_tokens=9, total_tokens=429)


def openai_usage(prompt: int, reply: int, cached: int = 0, reasoning: int = 0) -> dict[str, Any]:
    return {
        "prompt_tokens": prompt,
        "completion_tokens": reply,
        "total_tokens": prompt + reply,
        "prompt_tokens_details": {"cached_tokens": cached},
        "completion_tokens_details": {"reasoning_tokens": reasoning},
    }


def anthropic_usage(net: int, reply: int, read: int = 0, written: int = 0) -> dict[str, Any]:
    return {
        "input_tokens": net,
        "output_tokens": reply,
        "cache_read_input_tokens": read,
        "cache_creation_input_tokens": written,
    }


def turns() -> list[tuple[str, list[Reply]]]:
    """Return the model of each turn, and what it sends; a turn with a tool has two requests."""
    hello, cut = ["Hello there. ", "How are you?"], ["Well, let me ", "explain"]
    return [
        (GPT, [Reply(hello, openai_usage(300, 12))]),
        (GPT, [
            Reply([], openai_usage(340, 20, cached=256), tool="weather"),
            Reply(["It rains."], openai_usage(380, 5, cached=320)),
        ]),
        (GPT, [Reply(cut, openai_usage(400, 90), hangs=True)]),
        (CLAUDE, [Reply(hello, anthropic_usage(50, 14, written=1200))]),
        (CLAUDE, [Reply(cut, anthropic_usage(30, 80, read=1200), hangs=True)]),
        (GPT, [Reply(hello, openai_usage(410, 60, cached=384, reasoning=40))]),
        (GPT, [Reply([], openai_usage(415, 3), hangs=True)]),
        (GPT, [Reply(cut, hangs=True, late=LATE)]),
        (CLAUDE, [Reply(hello, anthropic_usage(20, 11, read=1200, written=64))]),
        (GPT, [Reply(["Goodbye."], openai_usage(430, 4, cached=384))]),
    ]  # fmt: skip


class Bot:
    """A pipeline of an ear, two models and a voice, observed for one call."""

    def __init__(
        self,
        emitter: Emitter,
        recorder: Recorder,
        late_seconds: float,
        *,
        is_traced: bool = False,
        is_observed: bool = True,
        ear: type[ScriptedEar] = ScriptedEar,
        voice: type[ScriptedVoice] = ScriptedVoice,
        **worker_options: Any,
    ) -> None:
        script = turns()
        self.turns, self.late_seconds = script, late_seconds
        replies = {
            model: [one for name, replies in script if name == model for one in replies]
            for model in (GPT, CLAUDE)
        }
        self.models: dict[str, Any] = {
            GPT: ScriptedOpenAI(GPT, replies[GPT], recorder),
            CLAUDE: ScriptedAnthropic(CLAUDE, replies[CLAUDE], recorder),
        }
        self.models[GPT].register_function("weather", weather)
        aggregators = LLMContextAggregatorPair(LLMContext(tools=[]))
        self.ends = ReplyEnds()
        self.observer = CostObserver(
            emitter,
            user="alice",
            persona="brad_001",
            direction="inbound",
            tags={"team": "sales"},
            services={"ScriptedEar": "deepgram", "ScriptedVoice": "elevenlabs"},
        )
        self.worker = PipelineWorker(
            Pipeline(
                [
                    ear(EAR, recorder),
                    aggregators.user(),
                    LLMSwitcher([*self.models.values()]),
                    self.ends,
                    voice(VOICE, recorder),
                    aggregators.assistant(),
                ]
            ),
            params=PipelineParams(enable_usage_metrics=True),
            observers=[self.observer] if is_observed else [],
            enable_tracing=is_traced,
            **worker_options,
        )

    async def talk(self) -> None:
        """Hold the conversation, and hang up."""
        for number, (model, replies) in enumerate(self.turns):
            await self.worker.queue_frames(
                [
                    InputAudioRawFrame(HALF_A_SECOND, 16_000, 1),
                    ManuallySwitchServiceFrame(service=self.models[model]),
                    LLMMessagesAppendFrame(
                        [{"role": "user", "content": f"What of number {number}?"}], run_llm=True
                    ),
                ]
            )
            for reply in replies:
                if reply.hangs:
                    await reply.is_reached.wait()
                    await self.worker.flush_pipeline(0.3)
                    await self.worker.queue_frame(InterruptionFrame())
                await self.ends.next()
                if reply.late:
                    await asyncio.sleep(self.late_seconds)
                    await self.models[model].start_llm_usage_metrics(reply.late)
            await self.worker.flush_pipeline()
        await self.worker.stop_when_done()


class ReplyEnds(FrameProcessor):
    """Counts the ends of replies."""

    def __init__(self) -> None:
        super().__init__()
        self._ends: asyncio.Queue[None] = asyncio.Queue()

    async def process_frame(self, frame: Any, direction: Any) -> None:
        await super().process_frame(frame, direction)
        if isinstance(frame, LLMFullResponseEndFrame):
            self._ends.put_nowait(None)
        await self.push_frame(frame, direction)

    async def next(self) -> None:
        await asyncio.wait_for(self._ends.get(), SECONDS_MAX)


async def weather(call: Any) -> None:
    await call.result_callback({"sky": "grey"})


async def run_worker(worker: Any, talk: Callable[[], Awaitable[None]]) -> None:
    """Run a pipeline, and what happens in it, to the end."""
    runner = WorkerRunner(handle_sigint=False)
    await runner.add_workers(worker)
    await asyncio.gather(runner.run(), talk())


def send_spans(url: str, token: str) -> TracerProvider:
    """Send the spans of this process, of one user."""
    provider = TracerProvider(resource=Resource.create({"user.id": "alice"}))
    exporter = OTLPSpanExporter(
        endpoint=f"{url}/v1/traces", headers={"Authorization": f"Bearer {token}"}
    )
    provider.add_span_processor(BatchSpanProcessor(exporter, schedule_delay_millis=200))
    trace.set_tracer_provider(provider)
    return provider


async def converse(url: str, token: str, late_seconds: float, *more: str) -> dict[str, Any]:
    recorder = Recorder()
    provider = send_spans(url, token) if "traced" in more else None
    with Emitter(url, token, source="/pipecat-bot") as emitter:
        bot = Bot(emitter, recorder, late_seconds, is_traced=provider is not None)
        await run_worker(bot.worker, bot.talk)
        if provider is not None:
            await asyncio.to_thread(provider.force_flush)
        is_flushed = await asyncio.to_thread(emitter.flush, 20)
        counters = emitter.counters()
    return {
        "call": bot.observer.call.call_id,
        "reported": recorder.reported,
        "flushed": is_flushed,
        "sent": counters.sent,
        "refused": counters.refused,
        "dropped": counters.dropped,
        "unreported": counters.unreported,
    }


if __name__ == "__main__":
    url, token, late_seconds, *more = sys.argv[1:]
    result = asyncio.run(converse(url, token, float(late_seconds), *more))
    sys.stdout.write("\n" + json.dumps(result) + "\n")
