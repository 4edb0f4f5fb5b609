"""How long the observer takes for frames of a running Pipecat pipeline, in microseconds, as JSON."""

import asyncio
import json
import sys
import time
from collections.abc import Callable
from typing import Any

from pipecat.frames.frames import InputAudioRawFrame, MetricsFrame
from pipecat.metrics.metrics import LLMTokenUsage, LLMUsageMetricsData
from pipecat.observers.base_observer import FrameProcessed, FramePushed
from pipecat.processors.frame_processor import FrameDirection

from cost_analytics_emitter import Emitter
from tests.support.pipecat_pipelines import Bot, model

FRAMES = 5_000
SOUND = b"\0\0" * 320
USAGE = LLMTokenUsage(prompt_tokens=900, completion_tokens=40, total_tokens=940)


async def measure(emitter: Emitter) -> dict[str, Any]:
    """Observe frames of audio and of usage; the receiver of the events never answers."""
    llm = model()
    bot = Bot(emitter, llm)
    times: dict[str, list[float]] = {"audio": [], "usage": []}

    async def talk() -> None:
        await bot.worker.flush_pipeline()
        data = LLMUsageMetricsData(processor=llm.name, model="gpt-4-turbo", value=USAGE)
        frames: dict[str, Callable[[], Any]] = {
            "audio": lambda: InputAudioRawFrame(SOUND, 16_000, 1),
            "usage": lambda: MetricsFrame(data=[data]),
        }
        for kind, make in frames.items():
            for _ in range(FRAMES):
                frame = make()
                pushed = FramePushed(llm, llm, frame, FrameDirection.DOWNSTREAM, 0)
                processed = FrameProcessed(llm, frame, FrameDirection.DOWNSTREAM, 0)
                began = time.perf_counter()
                await bot.observer.on_push_frame(pushed)
                await bot.observer.on_process_frame(processed)
                times[kind].append((time.perf_counter() - began) * 1e6)
        await bot.worker.stop_when_done()

    await bot.run(talk)
    return {
        kind: {"p50": sorted(one)[FRAMES // 2], "p99": sorted(one)[FRAMES * 99 // 100]}
        for kind, one in times.items()
    } | {"accepted": emitter.counters().accepted}


if __name__ == "__main__":
    the_emitter = Emitter(sys.argv[1], "a-token", source="/bot", close_seconds=0)
    result = asyncio.run(measure(the_emitter))
    sys.stdout.write("\n" + json.dumps(result) + "\n")
