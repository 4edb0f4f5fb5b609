"""A Pipecat bot whose costs appear live, beside a running `make run`. It needs no network.

python examples/pipecat_bot.py --url http://127.0.0.1:8080 --token TOKEN, with the Python of
`make setup-integrations`, where TOKEN is a key of `cost-analytics keys create --service voice-bot
--scope ingest`. Classes at Pipecat's own interfaces simulate the vendors; the line that matters is
the `CostObserver` in `hold_call`.
"""

from __future__ import annotations

import argparse
import asyncio
import logging
import sys
from collections.abc import AsyncIterator
from decimal import Decimal
from typing import Any

from loguru import logger
from openai.types.chat import ChatCompletionChunk
from pipecat.frames.frames import InputAudioRawFrame, LLMMessagesAppendFrame, TTSAudioRawFrame
from pipecat.pipeline.pipeline import Pipeline
from pipecat.pipeline.worker import PipelineParams, PipelineWorker
from pipecat.processors.aggregators.llm_context import LLMContext
from pipecat.processors.aggregators.llm_response_universal import LLMContextAggregatorPair
from pipecat.services.openai.llm import OpenAILLMService
from pipecat.services.settings import STTSettings, TTSSettings
from pipecat.services.stt_service import STTService
from pipecat.services.tts_service import TTSService
from pipecat.workers.runner import WorkerRunner

from cost_analytics_emitter import Emitter
from cost_analytics_emitter.pipecat import CostObserver

QUESTIONS = ("Hello?", "Do you have a table for two?", "At eight?", "By the window?", "Thank you!")
SECONDS_OF_SPEECH = 3
LEG_SECONDS = 75
# The prices with which the product starts, in US dollars: a minute of speech, a token in and out, a
# character, a minute of the leg.
SPEECH_MINUTE = Decimal("0.0059")
TOKEN_IN, TOKEN_OUT = Decimal("0.00001"), Decimal("0.00003")
CHARACTER, MINUTE = Decimal("0.00015"), Decimal("0.014")
SERVICES = {"DemoEar": "deepgram", "DemoVoice": "elevenlabs"}
"""Classes of your own have the names of their vendors here. Pipecat's classes need nothing."""


class DemoEar(STTService):
    """Simulated recognition: it reports seconds of audio, and returns no text."""

    costs = Decimal()

    def __init__(self) -> None:
        settings = STTSettings(model="nova-2", language=None)
        super().__init__(settings=settings, ttfs_p99_latency=0.1)

    def can_generate_metrics(self) -> bool:
        return True

    async def run_stt(self, _: bytes) -> AsyncIterator[Any]:
        self.costs += SECONDS_OF_SPEECH * SPEECH_MINUTE / 60
        await self.emit_stt_usage_metrics()
        yield None


class DemoModel(OpenAILLMService):
    """Simulated OpenAI: it gives the same answer to everything, after some time."""

    costs = Decimal()

    def __init__(self, seconds: float) -> None:
        super().__init__(api_key="none", settings=OpenAILLMService.Settings(model="gpt-4-turbo"))
        self._seconds = seconds

    async def get_chat_completions(self, context: LLMContext) -> AsyncIterator[Any]:
        return self._stream(300 + 40 * len(context.get_messages()))

    async def _stream(self, prompt: int) -> AsyncIterator[Any]:
        await asyncio.sleep(self._seconds)
        chunk = {"id": "1", "object": "chat.completion.chunk", "created": 1, "model": "gpt-4-turbo"}
        delta = {"index": 0, "delta": {"content": "Certainly. What else can I do for you?"}}
        yield ChatCompletionChunk.model_validate({**chunk, "choices": [delta]})
        usage = {"prompt_tokens": prompt, "completion_tokens": 40, "total_tokens": prompt + 40}
        self.costs += prompt * TOKEN_IN + 40 * TOKEN_OUT
        yield ChatCompletionChunk.model_validate({**chunk, "choices": [], "usage": usage})


class DemoVoice(TTSService):
    """Simulated speech: it returns silence, and reports the characters."""

    costs = Decimal()

    def __init__(self) -> None:
        settings = TTSSettings(model="eleven_turbo_v2_5", voice="demo", language=None)
        super().__init__(settings=settings, push_start_frame=True, push_stop_frames=True)

    def can_generate_metrics(self) -> bool:
        return True

    async def run_tts(self, text: str, context_id: str) -> AsyncIterator[Any]:
        self.costs += len(text) * CHARACTER
        await self.start_tts_usage_metrics(text)
        yield TTSAudioRawFrame(bytes(480), self.sample_rate, 1, context_id=context_id)


async def talk(worker: PipelineWorker, observer: CostObserver) -> None:
    """Simulate the caller: ask all questions, and hang up."""
    for question in QUESTIONS:
        speech = InputAudioRawFrame(bytes(SECONDS_OF_SPEECH * 32_000), 16_000, 1)
        asked = LLMMessagesAppendFrame([{"role": "user", "content": question}], run_llm=True)
        await worker.queue_frames([speech, asked])
        await worker.flush_pipeline(timeout=60)
    observer.call.usage("twilio", "outbound_call", LEG_SECONDS, "seconds")
    observer.call.charge("4.99")
    await worker.stop_when_done()


async def hold_call(emitter: Emitter, speed: float) -> tuple[str, Decimal]:
    """Hold one call; return its id and its costs. Each answer takes `speed` seconds."""
    aggregators = LLMContextAggregatorPair(LLMContext())
    services = (DemoEar(), DemoModel(speed), DemoVoice())
    ear, model, voice = services
    observer = CostObserver(emitter, user="demo", persona="brad_001", services=SERVICES)
    worker = PipelineWorker(
        Pipeline([ear, aggregators.user(), model, voice, aggregators.assistant()]),
        params=PipelineParams(enable_usage_metrics=True),
        observers=[observer],
    )
    runner = WorkerRunner(handle_sigint=False)
    await runner.add_workers(worker)
    await asyncio.gather(runner.run(), talk(worker, observer))
    costs = sum((service.costs for service in services), LEG_SECONDS * MINUTE / 60)
    return observer.call.call_id, costs


def main() -> int:
    """Report one call, and print how many events were sent."""
    logging.basicConfig(level=logging.INFO, format="%(levelname)s %(message)s")
    logger.remove()
    logger.add(sys.stderr, level="WARNING")
    parser = argparse.ArgumentParser(description="Reports a call of five turns.")
    parser.add_argument("--url", required=True, help="the address of Cost Analytics")
    parser.add_argument("--token", required=True, help="the key of this service")
    parser.add_argument("--speed", type=float, default=1.0, help="seconds that an answer takes")
    arguments = parser.parse_args()
    with Emitter(arguments.url, arguments.token, source="/examples/pipecat") as emitter:
        call_id, costs = asyncio.run(hold_call(emitter, arguments.speed))
        is_sent = emitter.flush(10)
        counters = emitter.counters()
    sys.stdout.write(f"{counters.sent} events sent of {counters.accepted}\n")
    sys.stdout.write(f"call {call_id} costs {costs.normalize():f} USD\n")
    return 0 if is_sent and not counters.refused else 1


if __name__ == "__main__":
    sys.exit(main())
