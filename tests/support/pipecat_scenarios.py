"""Pipelines in which something is unusual, all in one process: each sends from a source of its name.

It prints, for each of them, the call and what the emitter counted, as JSON.
"""

import asyncio
import json
import sys
from collections.abc import Awaitable, Callable, Sequence
from typing import Any

from pipecat.frames.frames import (
    InterruptionFrame,
    LLMFullResponseEndFrame,
    LLMFullResponseStartFrame,
    LLMTextFrame,
    MetricsFrame,
)
from pipecat.metrics.metrics import (
    LLMTokenUsage,
    LLMUsageMetricsData,
    STTUsage,
    STTUsageMetricsData,
    TTSUsageMetricsData,
)
from pipecat.pipeline.worker import PipelineParams, ProcessorUnusablePolicy
from pipecat.services.tts_service import TextAggregationMode

from cost_analytics_emitter import Emitter
from cost_analytics_emitter.pipecat import CostObserver
from tests.support.pipecat_conversation import openai_usage
from tests.support.pipecat_pipelines import Bot, model, simple
from tests.support.pipecat_vendors import Recorder, Reply, ScriptedOpenAI, ScriptedVoice

Scenario = Callable[[Emitter], Awaitable[CostObserver]]


async def client_with_another_address(emitter: Emitter) -> CostObserver:
    return await Bot(emitter, model(simple(), base_url="https://api.groq.com/openai/v1")).run()


async def usage_metrics_are_off(emitter: Emitter) -> CostObserver:
    return await Bot(emitter, model(simple()), params=PipelineParams()).run()


async def two_calls_at_once(emitter: Emitter) -> CostObserver:
    bots = [
        Bot(emitter, model(simple(100 * number)), user=f"user-{number}") for number in (1, 2, 3)
    ]
    observers = await asyncio.gather(*(bot.run() for bot in bots))
    return observers[0]


async def _hang_up(emitter: Emitter, reason: str | None) -> CostObserver:
    reply = Reply(["Well, let me "], hangs=True)
    bot = Bot(emitter, model(reply))

    async def talk() -> None:
        await bot.ask()
        await reply.is_reached.wait()
        await bot.worker.cancel(reason=reason)

    return await bot.run(talk)


async def cancelled_without_a_reason(emitter: Emitter) -> CostObserver:
    return await _hang_up(emitter, None)


async def cancelled_for_a_reason(emitter: Emitter) -> CostObserver:
    return await _hang_up(emitter, "idle timeout")


async def unusable_model(emitter: Emitter) -> CostObserver:
    llm = model()
    bot = Bot(emitter, llm, processor_unusable_policy=ProcessorUnusablePolicy.CANCEL)

    async def talk() -> None:
        await bot.worker.flush_pipeline()
        await llm.push_error("the key was rejected", force_treat_as_permanent=True)

    return await bot.run(talk)


class RefusingModel(ScriptedOpenAI):
    """A model whose vendor refuses each request."""

    async def get_chat_completions(self, context: Any) -> Any:
        raise ValueError("429: too many requests")


async def refused_request(emitter: Emitter) -> CostObserver:
    return await Bot(emitter, RefusingModel("gpt-4-turbo", [], Recorder())).run()


async def reply_without_usage(emitter: Emitter) -> CostObserver:
    return await Bot(emitter, model(Reply(["Paris, of course."]))).run()


async def contradictory_counts(emitter: Emitter) -> CostObserver:
    return await Bot(emitter, model(Reply(["Paris."], openai_usage(100, 3, cached=700)))).run()


class SilentModel(ScriptedOpenAI):
    """A model whose class does not say that it reports metrics."""

    def can_generate_metrics(self) -> bool:
        return False


async def service_without_metrics(emitter: Emitter) -> CostObserver:
    return await Bot(emitter, SilentModel("gpt-4-turbo", [simple()], Recorder())).run()


async def voice_that_streams_tokens(emitter: Emitter) -> CostObserver:
    """It reports its characters at the end of a reply only: one ends, another is interrupted.

    The interruption comes while it speaks the first of two texts, and the second one waits.
    """
    cut = Reply(["Well, let ", "me explain"], hangs=True)
    voice = ScriptedVoice(
        "eleven_turbo_v2_5", Recorder(), text_aggregation_mode=TextAggregationMode.TOKEN
    )
    bot = Bot(emitter, model(simple(), cut), voice)

    async def talk() -> None:
        await bot.ask()
        await bot.worker.flush_pipeline()
        voice.seconds = 5
        await bot.ask()
        await cut.is_reached.wait()
        await asyncio.sleep(0.2)
        await bot.worker.queue_frame(InterruptionFrame())
        await asyncio.sleep(0.2)
        await bot.worker.stop_when_done()

    return await bot.run(talk)


async def failing_observer(emitter: Emitter) -> CostObserver:
    """A service reports something that is no usage, and then answers as usual."""
    llm = model(simple())
    bot = Bot(emitter, llm)

    async def talk() -> None:
        await bot.worker.flush_pipeline()
        wrong = LLMUsageMetricsData.model_construct(processor="p", model="m", value=None)
        await llm.push_frame(MetricsFrame(data=[wrong]))
        await bot.ask()
        await bot.worker.flush_pipeline()
        await bot.worker.stop_when_done()

    return await bot.run(talk)


async def frame_of_two_pipelines(emitter: Emitter) -> CostObserver:
    """Metrics of three services in a frame, which a second pipeline shows to its observer, too."""
    usage = LLMTokenUsage(prompt_tokens=10, completion_tokens=1, total_tokens=11)
    data = [
        LLMUsageMetricsData(processor="GroqLLMService#0", model="llama3.1-8b", value=usage),
        TTSUsageMetricsData(processor="ElevenLabsTTSService#0", model="", value=7),
        STTUsageMetricsData(processor="GroqSTTService#0", value=STTUsage(audio_seconds=1.5)),
    ]
    frame = MetricsFrame(data=data)
    bots = [Bot(emitter, model()), Bot(emitter, model())]

    def talk_of(bot: Bot) -> Callable[[], Awaitable[None]]:
        async def talk() -> None:
            await bot.worker.queue_frame(frame)
            await bot.worker.flush_pipeline()
            await bot.worker.stop_when_done()

        return talk

    observers = await asyncio.gather(*(bot.run(talk_of(bot)) for bot in bots))
    return observers[0]


class RealtimeModel(ScriptedOpenAI):
    """A speech-to-speech model: it answers on its own, and reports after an interruption."""

    def service_metadata_frame(self) -> Any:
        frame = super().service_metadata_frame()
        frame.is_realtime_service = True
        return frame


async def realtime_model(emitter: Emitter) -> CostObserver:
    return await _realtime(emitter, has_usage=(True, False))


async def silent_realtime_model(emitter: Emitter) -> CostObserver:
    return await _realtime(emitter, has_usage=(False,))


async def _realtime(emitter: Emitter, has_usage: Sequence[bool]) -> CostObserver:
    llm = RealtimeModel("gpt-realtime", [], Recorder())
    bot = Bot(emitter, llm)

    async def talk() -> None:
        await bot.worker.flush_pipeline()
        for is_reported in has_usage:
            await llm.push_frame(LLMFullResponseStartFrame())
            await llm.push_frame(LLMTextFrame("Paris, "))
            await bot.worker.queue_frame(InterruptionFrame())
            await bot.worker.flush_pipeline()
            await llm.push_frame(LLMFullResponseEndFrame())
            if is_reported:
                await llm.start_llm_usage_metrics(
                    LLMTokenUsage(
                        prompt_tokens=900,
                        completion_tokens=50,
                        total_tokens=950,
                        cache_read_input_tokens=640,
                        input_audio_tokens=700,
                        output_audio_tokens=40,
                        cache_read_input_audio_tokens=500,
                    )
                )
        await bot.worker.stop_when_done()

    return await bot.run(talk)


SCENARIOS: list[Scenario] = [
    client_with_another_address,
    usage_metrics_are_off,
    two_calls_at_once,
    cancelled_without_a_reason,
    cancelled_for_a_reason,
    unusable_model,
    refused_request,
    reply_without_usage,
    contradictory_counts,
    service_without_metrics,
    voice_that_streams_tokens,
    failing_observer,
    frame_of_two_pipelines,
    realtime_model,
    silent_realtime_model,
]


async def run_all(url: str) -> dict[str, Any]:
    results = {}
    for scenario in SCENARIOS:
        name = scenario.__name__
        with Emitter(url, "a-token", source=f"/{name}") as emitter:
            observer = await scenario(emitter)
            await asyncio.to_thread(emitter.flush, 10)
            counters = emitter.counters()
        results[name] = {
            "call": observer.call.call_id,
            "sent": counters.sent,
            "refused": counters.refused,
            "unreported": counters.unreported,
        }
    return results


if __name__ == "__main__":
    found = asyncio.run(run_all(sys.argv[1]))
    sys.stdout.write("\n" + json.dumps(found) + "\n")
