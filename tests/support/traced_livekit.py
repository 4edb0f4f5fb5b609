"""The scripted LiveKit conversation with OpenTelemetry tracing, as a process of its own.

Its spans go to the product by the real exporter. With `attach()`, the order says which report
arrives first. It prints what the session counted.
"""

import asyncio
from typing import Any

from livekit.agents.telemetry import set_tracer_provider

from cost_analytics_emitter import Emitter
from cost_analytics_emitter.livekit import attach
from tests.support.livekit_conversation import (
    FIRST,
    SECOND,
    Billing,
    Reception,
    hold,
    models,
    new_session,
    run,
)
from tests.support.otlp_session import LossySession
from tests.support.traced_bot import provider_of

LONG_SECONDS = 60
CALL_ID = "livekit-call"


async def converse(url: str, token: str, order: str) -> dict[str, Any]:
    """Hold the conversation; `order` is `spans_only`, `spans_first` or `observer_first`."""
    encodings = LossySession("json", 6)
    is_late = order == "observer_first"
    delay, batch = (LONG_SECONDS, 2_000) if is_late else (0.1, 8)
    provider = provider_of(
        f"{url}/v1/traces",
        token,
        encodings,
        batch,
        delay_seconds=delay,
        service_name="traced-agent",
    )
    # Outside of a job, there is no room that both would name their call by.
    set_tracer_provider(provider, metadata={"user.id": "alice", "session.id": CALL_ID})
    linger = LONG_SECONDS if order == "spans_first" else 0.02
    emitter = Emitter(url, token, source="/livekit-traced", linger_seconds=linger)
    first, second, model, own_model = models()
    session, microphone = new_session(model)
    if order != "spans_only":
        attach(session, emitter, user="alice", call_id=CALL_ID, persona="brad_001")
    await session.start(Reception(Billing(own_model)))
    await hold(session, microphone, [*FIRST, *SECOND], first, second)
    await session.aclose()
    reporters = [emitter.flush, lambda seconds: provider.force_flush(seconds * 1_000)]
    for flush in reporters if is_late else reversed(reporters):
        assert await asyncio.to_thread(flush, 30)
    return {
        "usage": [one.model_dump() for one in session.usage.model_usage],
        "refused": [*encodings.refused, *emitter.counters().refused],
        "posts": encodings.requests,
    }


if __name__ == "__main__":
    run(converse)
