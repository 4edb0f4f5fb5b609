"""The scripted Pipecat conversation with OpenTelemetry tracing, as a process of its own.

Its spans go to the product by the real exporter. With an observer, the order says which report
arrives first. It prints what the services reported.
"""

import asyncio
import json
import sys
from collections.abc import AsyncGenerator
from typing import Any

from opentelemetry import trace
from pipecat.frames.frames import TranscriptionFrame
from pipecat.utils.tracing.service_decorators import traced_stt

from cost_analytics_emitter import Emitter
from tests.support.otlp_session import LossySession
from tests.support.pipecat_conversation import Bot, run_worker
from tests.support.pipecat_vendors import (
    Recorder,
    ScriptedAnthropic,
    ScriptedEar,
    ScriptedOpenAI,
    ScriptedVoice,
)
from tests.support.traced_bot import provider_of

LATE_SECONDS = 2.3
LONG_SECONDS = 60


class DeepgramSTTService(ScriptedEar):
    """A traced ear; its transcripts have no words, because the script says them."""

    @traced_stt
    async def run_stt(self, audio: bytes) -> AsyncGenerator[Any, None]:
        async for frame in super().run_stt(audio):
            yield frame
        if audio.endswith(b"\1\0"):
            yield TranscriptionFrame("", "alice", "now", finalized=True)


class ElevenLabsTTSService(ScriptedVoice):
    """A traced voice, by the name from which Pipecat derives the provider."""


# Pipecat names a provider by the class of its service.
ScriptedOpenAI.__name__ = "OpenAILLMService"
ScriptedAnthropic.__name__ = "AnthropicLLMService"


async def converse(url: str, token: str, order: str) -> dict[str, Any]:
    """Hold the conversation; `order` is `spans_only`, `spans_first` or `observer_first`."""
    session = LossySession("protobuf", 5)
    is_late = order == "observer_first"
    delay, batch = (LONG_SECONDS, 2_000) if is_late else (0.1, 8)
    resource = {"user_id": "alice", "service_name": "traced-pipecat"}
    provider = provider_of(
        f"{url}/v1/traces", token, session, batch, delay_seconds=delay, **resource
    )
    trace.set_tracer_provider(provider)
    recorder = Recorder()
    linger = LONG_SECONDS if order == "spans_first" else 0.02
    emitter = Emitter(url, token, source="/pipecat-traced", linger_seconds=linger)
    bot = Bot(
        emitter,
        recorder,
        LATE_SECONDS,
        is_observed=order != "spans_only",
        ear=DeepgramSTTService,
        voice=ElevenLabsTTSService,
        is_traced=True,
        conversation_id="conversation-7",
    )
    await run_worker(bot.worker, bot.talk)
    reporters = [emitter.flush, lambda seconds: provider.force_flush(seconds * 1_000)]
    for flush in reporters if is_late else reversed(reporters):
        assert await asyncio.to_thread(flush, 30)
    return {
        "reported": recorder.reported,
        "refused": [*session.refused, *emitter.counters().refused],
        "posts": session.requests,
    }


if __name__ == "__main__":
    printed = asyncio.run(converse(*sys.argv[1:]))
    sys.stdout.write("\n" + json.dumps(printed) + "\n")
