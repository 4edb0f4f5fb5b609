"""Sessions of LiveKit Agents in situations that tests name; prints the events of one of them.

It runs in the environment of the voice frameworks: `python -m tests.support.livekit_cases NAME`.
"""

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any

from livekit.agents import Agent, AgentSession, APIStatusError, llm, metrics, telemetry
from livekit.agents.llm import FallbackAdapter
from livekit.agents.metrics.base import Metadata
from livekit.agents.voice.agent_session import SessionConnectOptions
from opentelemetry import trace
from opentelemetry.sdk.trace import TracerProvider

from cost_analytics_emitter.livekit import attach
from examples.livekit_agent import ModelReply, ScriptedLLM, ScriptedSTT, ScriptedTTS
from tests.support.livekit_conversation import hold, interrupt, new_session, run, usage
from tests.support.livekit_parts import (
    MODEL,
    RecordingEmitter,
    SilentRealtimeModel,
    answering,
    metrics_of_model,
    metrics_of_response,
    outcome,
    say,
)

Case = Callable[[], Coroutine[Any, Any, dict[str, Any]]]


async def shared() -> dict[str, Any]:
    """Two sessions of two users speak at once through the same three components."""
    emitter, model = RecordingEmitter(), answering()
    first, ears = new_session(model)
    second, other_ears = new_session(model, stt=first.stt, tts=first.tts)
    both = [(first, "alice"), (second, "bob")]
    attachments = [
        attach(session, emitter, user=user, call_id=f"call-{user}") for session, user in both
    ]
    for session, _ in both:
        await session.start(Agent(instructions="Be brief."))
    ears.hear(6)
    other_ears.hear(9)
    await asyncio.gather(say(first, *"abc"), say(second, *"defgh"))
    await asyncio.gather(first.aclose(), second.aclose())
    return outcome(emitter, *attachments)


async def shared_with_a_stranger() -> dict[str, Any]:
    """One of two sessions that share a model is not attached."""
    emitter, model = RecordingEmitter(), answering()
    first, _ = new_session(model)
    stranger, _ = new_session(model)
    attachment = attach(first, emitter, user="alice")
    for session in (first, stranger):
        await session.start(Agent(instructions="Be brief."))
    await asyncio.gather(say(first, "a", "b"), say(stranger, *"cdef"))
    await asyncio.gather(first.aclose(), stranger.aclose())
    return outcome(emitter, attachment)


async def _beside_sessions(*users: str) -> dict[str, Any]:
    emitter, model = RecordingEmitter(), answering()
    attachments: list[Any] = []
    for user in users:
        session, _ = new_session(model)
        attachments.append(attach(session, emitter, user=user, call_id=f"call-{len(attachments)}"))
    context = llm.ChatContext.empty()
    context.add_message(role="user", content="summarize")
    async with model.chat(chat_ctx=context) as stream:
        async for _ in stream:
            pass
    await asyncio.sleep(0.05)
    return outcome(emitter, *attachments)


async def beside_two_users() -> dict[str, Any]:
    """A program asks a shared model itself: the request is of no session for certain."""
    return await _beside_sessions("alice", "bob")


async def beside_one_user() -> dict[str, Any]:
    """The same where both sessions have the same user."""
    return await _beside_sessions("alice", "alice")


async def failed() -> dict[str, Any]:
    """The model answers with an error, and the session fails."""

    def answer(_: Any) -> ModelReply:
        raise APIStatusError("no capacity", status_code=400, retryable=False)

    emitter = RecordingEmitter()
    options = SessionConnectOptions(max_unrecoverable_errors=0)
    session, _ = new_session(ScriptedLLM(answer, **MODEL), conn_options=options)
    attachment = attach(session, emitter, user="alice")
    closed = asyncio.Event()
    session.on("close", lambda _: closed.set())
    await session.start(Agent(instructions="Be brief."))
    await session.generate_reply(user_input="a")
    await closed.wait()
    return outcome(emitter, attachment)


async def late() -> dict[str, Any]:
    """The usage of an interrupted request arrives after its estimate."""
    model: Any = answering()
    original = model.chat

    def chat(**arguments: Any) -> Any:
        async def report() -> None:
            await asyncio.wait_for(interrupted.wait(), 30)
            await asyncio.sleep(0.05)
            model.emit("metrics_collected", metrics_of_model(prompt=90, completion=7))

        tasks.append(asyncio.create_task(report()))
        return original(**arguments)

    tasks: list[asyncio.Task[None]] = []
    interrupted = asyncio.Event()
    model.chat = chat
    emitter = RecordingEmitter()
    session, _ = new_session(model)
    attachment = attach(session, emitter, user="alice")
    await session.start(Agent(instructions="Be brief."))
    await interrupt(session, "long")
    interrupted.set()
    await asyncio.gather(*tasks)
    await session.aclose()
    return outcome(emitter, attachment)


async def replaced() -> dict[str, Any]:
    """The bot learns the usage of an interrupted request from the vendor."""
    emitter = RecordingEmitter()
    session, _ = new_session(answering())
    attachment = attach(session, emitter, user="alice")
    assert attachment is not None
    await session.start(Agent(instructions="Be brief."))
    await interrupt(session, "long")
    await asyncio.sleep(0.05)
    for estimate_id, reading in attachment.estimates().items():
        if reading.operation == "inference":
            attachment.replace(estimate_id, {"input_tokens": 91, "output_tokens": 8})
            attachment.replace(estimate_id, {"input_tokens": 91, "output_tokens": 8})
    await session.aclose()
    return outcome(emitter, attachment)


class CountingSession(AgentSession):
    """A session that counts usage of components of its own, as LiveKit's own detectors are."""

    def __init__(self, **options: Any) -> None:
        super().__init__(**options)
        self.own = metrics.ModelUsageCollector()

    @property
    def usage(self) -> Any:
        seen = {(one.type, one.model): one for one in super().usage.model_usage}
        for one in self.own.flatten():
            known = seen.setdefault((one.type, one.model), one)
            if known is not one:
                known.input_tokens += one.input_tokens
                known.output_tokens += one.output_tokens
        return metrics.AgentSessionUsage(model_usage=[*seen.values()])


async def hidden() -> dict[str, Any]:
    """The session counts usage of components of its own, which only its sums show."""
    emitter = RecordingEmitter()
    session, _ = new_session(answering(), CountingSession)
    attachment = attach(session, emitter, user="alice")
    await session.start(Agent(instructions="Be brief."))
    own = Metadata(model_name="adaptive", model_provider="livekit")
    delays = {"total_duration": 0.1, "prediction_duration": 0.1, "detection_delay": 0.1}
    counts = {"num_interruptions": 1, "num_backchannels": 0, "num_requests": 4}
    session.own.collect(
        metrics.InterruptionMetrics(timestamp=1.0, metadata=own, **counts, **delays)
    )
    session.own.collect(metrics.EOTInferenceMetrics(timestamp=1.0, metadata=own, **delays))
    session.own.collect(metrics_of_model(prompt=40, completion=3))
    session.llm.emit("metrics_collected", object())
    session.tts.emit("metrics_collected", None)
    await say(session, "a")
    await session.aclose()
    return outcome(emitter, attachment)


async def realtime() -> dict[str, Any]:
    """A realtime model reports tokens of each modality, and an interrupted response none."""
    emitter = RecordingEmitter()
    session = AgentSession(llm=SilentRealtimeModel(), vad=None)
    attachment = attach(session, emitter, user="alice")
    await session.start(Agent(instructions="Be brief."))
    await asyncio.sleep(0.02)
    model: Any = session.current_agent.realtime_llm_session
    model.emit("metrics_collected", metrics_of_response("r-1", received=50, cached=20, spoken=30))
    model.emit("metrics_collected", metrics_of_response("", received=0, cached=0, spoken=0))
    model.chat_ctx.add_message(role="user", content="How are you?")
    model.chat_ctx.add_message(role="assistant", content="I am well.")
    model.emit("metrics_collected", metrics_of_response("r-2", received=0, cached=0, spoken=0))
    await asyncio.sleep(0.02)
    await session.aclose()
    return outcome(emitter, attachment)


async def traced() -> dict[str, Any]:
    """OpenTelemetry is on: events name the traces that the session's spans are in."""
    telemetry.set_tracer_provider(TracerProvider())
    emitter = RecordingEmitter()
    model, traces = answering(), set()
    original = model.answer

    def answer(context: Any) -> ModelReply:
        traces.add(format(trace.get_current_span().get_span_context().trace_id, "032x"))
        return original(context)

    model.answer = answer
    session, _ = new_session(model)
    attachment = attach(session, emitter, user="alice")
    await session.start(Agent(instructions="Be brief."))
    await say(session, "a", "b")
    await session.aclose()
    return outcome(emitter, attachment, traceIds=[*traces])


class OwnNode(Agent):
    """An agent whose node asks the model itself."""

    async def llm_node(self, chat_ctx: Any, tools: Any, model_settings: Any) -> Any:
        async with self.session.llm.chat(chat_ctx=chat_ctx, tools=tools) as stream:
            async for chunk in stream:
                yield chunk


async def own_node() -> dict[str, Any]:
    """Two sessions share a model, which their agents ask themselves; one is interrupted."""
    emitter, model = RecordingEmitter(), answering()
    first, _ = new_session(model)
    second, _ = new_session(model)
    attachments = [attach(first, emitter, user="alice"), attach(second, emitter, user="bob")]
    for session in (first, second):
        await session.start(OwnNode(instructions="Be brief."))
    await asyncio.gather(say(first, "a"), say(second, "b", "c"))
    await interrupt(first, "long")
    await asyncio.gather(first.aclose(), second.aclose())
    return outcome(emitter, *attachments)


class EnteringAgent(Agent):
    """Says when it has taken over: a reply that is asked for before that is refused."""

    def __init__(self, **options: Any) -> None:
        super().__init__(**options)
        self.has_entered = asyncio.Event()

    async def on_enter(self) -> None:
        self.has_entered.set()


async def changed() -> dict[str, Any]:
    """A session changes to an agent with components of its own, one behind an adapter."""
    emitter = RecordingEmitter()
    session, microphone = new_session(answering())
    attachment = attach(session, emitter, user="alice")
    await session.start(Agent(instructions="Be brief."))
    await say(session, "a")
    own = ScriptedLLM(
        lambda _: ModelReply("Yes.", usage=usage(70, 1)), model="own", provider="Own Vendor"
    )
    briefer = EnteringAgent(
        instructions="Be briefer.",
        llm=FallbackAdapter([own]),
        stt=ScriptedSTT(model="own-ears", provider="Own Vendor"),
        tts=ScriptedTTS(model="own-voice", provider="Own Vendor"),
    )
    session.update_agent(briefer)
    await briefer.has_entered.wait()
    await hold(session, microphone, ["b", "c"])
    await session.aclose()
    return outcome(emitter, attachment)


CASES: dict[str, Case] = {
    case.__name__: case
    for case in (
        shared, shared_with_a_stranger, beside_two_users, beside_one_user, failed, late, replaced, hidden, realtime, traced, own_node, changed,
    )
}  # fmt: skip


async def main(name: str) -> dict[str, Any]:
    return await CASES[name]()


if __name__ == "__main__":
    run(main)
