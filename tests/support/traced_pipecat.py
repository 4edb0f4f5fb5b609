"""The scripted Pipecat conversation with OpenTelemetry tracing, as a process of its own.

Its spans go to the product by the real exporter, and with `attached` the observer reports, too. It
prints what the services reported.
"""

import asyncio
import json
import sys
from typing import Any

from opentelemetry import trace

from cost_analytics_emitter import Emitter
from tests.support.otlp_session import LossySession
from tests.support.pipecat_conversation import Bot, run_worker
from tests.support.pipecat_vendors import Recorder
from tests.support.traced_bot import provider_of

LATE_SECONDS = 2.3


async def converse(url: str, token: str, order: str, user: str) -> dict[str, Any]:
    """Hold the conversation; `order` says whether the observer reports, and what is sent first."""
    session = LossySession("protobuf", 5)
    resource = {"user_id": user} if user else {}
    provider = provider_of(f"{url}/v1/traces", token, session, 8, **resource)
    trace.set_tracer_provider(provider)
    recorder = Recorder()
    is_attached = order != "spans"
    target = url if order != "spans_first" else "http://127.0.0.1:9"
    emitter = Emitter(target, token, source="/pipecat-traced")
    bot = Bot(
        emitter, recorder, LATE_SECONDS, is_observed=is_attached, enable_tracing=True,
        conversation_id="conversation-7",
    )  # fmt: skip
    await run_worker(bot.worker, bot.talk)
    provider.force_flush(30_000)
    if order == "spans_first":
        await asyncio.sleep(5)
    return {
        "reported": recorder.reported,
        "refused": session.refused,
        "call": bot.observer.call.call_id,
        "counters": str(emitter.counters()),
    }


if __name__ == "__main__":
    printed = asyncio.run(converse(*sys.argv[1:]))
    sys.stdout.write("\n" + json.dumps(printed) + "\n")
