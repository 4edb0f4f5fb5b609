"""A conversation of ten turns in a real session of LiveKit Agents, with scripted vendors.

It runs in the environment of the voice frameworks, and prints what the session and the vendors
counted. Turns are interrupted while the agent speaks and before its first word; one calls a tool,
and one hands over to an agent with a model of its own.
"""

import asyncio
import json
import sys
from collections.abc import Callable, Iterable
from typing import Any

from livekit.agents import Agent, AgentSession, RunContext, function_tool, llm, telemetry
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor

from cost_analytics_emitter import Emitter
from cost_analytics_emitter.livekit import Attachment, attach
from examples.livekit_agent import (
    Microphone,
    ModelReply,
    ScriptedLLM,
    ScriptedSTT,
    ScriptedTTS,
    Speaker,
)

SECONDS_OF_A_TURN = 3
LAST_SECONDS = 2
SECONDS_MAX = 30


def usage(prompt: int, completion: int, **details: int) -> llm.CompletionUsage:
    return llm.CompletionUsage(
        prompt_tokens=prompt,
        completion_tokens=completion,
        total_tokens=prompt + completion,
        **details,
    )


LONG = "This answer is much longer than anybody wants to hear on the telephone today. " * 12
SILENT = "Wait."
FIRST = {
    "Hello.": ModelReply("Hello, how can I help?", usage=usage(120, 9)),
    "What is the weather?": ModelReply(tool="weather", usage=usage(180, 14)),
    "Tell me everything.": ModelReply(LONG, usage=usage(260, 80)),
    "Shorter, please.": ModelReply("It is sunny.", usage=usage(300, 6, prompt_cached_tokens=128)),
    SILENT: ModelReply("Of course.", usage=usage(320, 4), wait=30),
    "The billing department, please.": ModelReply(tool="billing", usage=usage(350, 15)),
}
SECOND = {
    "Is this the billing department?": ModelReply(
        "It is.", usage=usage(700, 5, cache_creation_tokens=512)
    ),
    "Explain my bill.": ModelReply(LONG, usage=usage(760, 90, prompt_cached_tokens=512)),
    "Is it right?": ModelReply(
        "It is.", usage=usage(800, 60, prompt_cached_tokens=512, reasoning_tokens=55)
    ),
    "Thank you, goodbye.": ModelReply("Goodbye.", usage=usage(830, 4, prompt_cached_tokens=768)),
}
INTERRUPTED = {"Tell me everything.", "Explain my bill."}


class Script:
    """Answers by the last item of a conversation, and counts what was asked."""

    def __init__(self, replies: dict[str, ModelReply]) -> None:
        self._replies, self.requests = replies, 0

    def __call__(self, context: Any) -> ModelReply:
        self.requests += 1
        last = context.items[-1]
        if last.type == "function_call_output":
            return ModelReply(
                "The sun shines all day.", usage=usage(210, 7, prompt_cached_tokens=64)
            )
        texts = [item.text_content for item in context.items if item.type == "message"]
        return self._replies.get(texts[-1]) or ModelReply("Billing here.", usage=usage(600, 3))


class Billing(Agent):
    """The agent that takes over, with a model of its own."""

    def __init__(self, model: Any) -> None:
        super().__init__(instructions="You know all bills.", llm=model)

    async def on_enter(self) -> None:
        await self.session.say("You are connected.")


class Reception(Agent):
    """The first agent."""

    def __init__(self, billing: Agent) -> None:
        super().__init__(instructions="You are a friendly receptionist.")
        self._billing = billing

    @function_tool()
    async def weather(self, context: RunContext) -> str:
        """Return the weather."""
        return "sunny"

    @function_tool()
    async def billing(self, context: RunContext) -> Agent:
        """Hand over to the billing department."""
        return self._billing


def models() -> tuple[Script, Script, ScriptedLLM, ScriptedLLM]:
    first, second = Script(FIRST), Script(SECOND)
    return (
        first,
        second,
        ScriptedLLM(first, model="llama3.1-8b", provider="api.cerebras.ai"),
        ScriptedLLM(second, model="llama3.1-70b", provider="api.cerebras.ai"),
    )


def new_session(model: Any, make: Any = AgentSession, **options: Any) -> tuple[Any, Microphone]:
    settings = {
        "llm": model,
        "stt": ScriptedSTT(model="nova-2", provider="Deepgram"),
        "tts": ScriptedTTS(model="eleven_turbo_v2_5", provider="ElevenLabs", wait=0.01),
        "turn_handling": {"turn_detection": "manual"},
        "vad": None,
    }
    session = make(**{**settings, **options})
    microphone = Microphone()
    session.input.audio, session.output.audio = microphone, Speaker()
    return session, microphone


async def until(is_done: Callable[[], bool]) -> None:
    async with asyncio.timeout(SECONDS_MAX):
        while not is_done():
            await asyncio.sleep(0.01)


async def interrupt(session: Any, text: str, is_due: Callable[[], bool] | None = None) -> None:
    """Ask for a reply and interrupt it once it is due: by default while the agent speaks."""
    speech = session.generate_reply(user_input=text)
    await until(is_due or (lambda: session.agent_state == "speaking"))
    await session.interrupt()
    await speech


async def hold(
    session: Any, microphone: Microphone, turns: Iterable[str], *scripts: "Script"
) -> None:
    """Have a turn with each text; interrupt those that the script says."""
    for text in turns:
        microphone.hear(SECONDS_OF_A_TURN)
        asked = sum(script.requests for script in scripts)
        if text == SILENT:
            await interrupt(session, text, lambda: sum(one.requests for one in scripts) > asked)
        elif text in INTERRUPTED:
            await interrupt(session, text)
        else:
            await session.generate_reply(user_input=text)
        await asyncio.sleep(0.05)
    microphone.hear(LAST_SECONDS)
    await asyncio.sleep(0.1)


def result(attachment: Attachment, session: Any, emitter: Emitter, **more: Any) -> dict[str, Any]:
    counters = emitter.counters()
    return {
        "callId": attachment.call.call_id,
        "usage": [one.model_dump() for one in session.usage.model_usage],
        "metrics": attachment.counters()._asdict(),
        "sent": counters.sent,
        "refused": dict(counters.refused),
        "unreported": dict(counters.unreported),
        **more,
    }


def trace_to(url: str, token: str) -> Any:
    """Send the session's spans, too, as costs of the same call; return the provider."""
    exporter = OTLPSpanExporter(f"{url}/v1/traces", headers={"Authorization": f"Bearer {token}"})
    provider = TracerProvider()
    provider.add_span_processor(BatchSpanProcessor(exporter, schedule_delay_millis=600_000))
    call = {"cost_analytics.call.id": "livekit-call", "user.id": "alice"}
    telemetry.set_tracer_provider(provider, metadata=call)
    return provider


async def main(url: str, token: str, first: str = "") -> dict[str, Any]:
    """Have the conversation; `first` says what is sent first, the `spans` or the `events`."""
    linger_seconds = 0.02 if first != "spans" else 3600
    emitter = Emitter(url, token, source="/livekit", linger_seconds=linger_seconds)
    traces: Any = trace_to(url, token) if first else None
    first_script, second_script, model, own_model = models()
    session, microphone = new_session(model)
    attachment = attach(session, emitter, user="alice", call_id="livekit-call", persona="brad_001")
    assert attachment is not None
    await session.start(Reception(Billing(own_model)))
    await hold(session, microphone, [*FIRST, *SECOND], first_script, second_script)
    await session.aclose()
    if first == "spans":
        assert await asyncio.to_thread(traces.force_flush)
        await asyncio.sleep(2)
    assert await asyncio.to_thread(emitter.flush, 60)
    if first == "events":
        await asyncio.sleep(2)
        assert await asyncio.to_thread(traces.force_flush)
    attachment.detach()
    requests = first_script.requests + second_script.requests
    return result(attachment, session, emitter, requests=requests, turns=len(FIRST) + len(SECOND))


def run(program: Callable[..., Any]) -> None:
    """Run a program with the command line's arguments, and print its result."""
    sys.stdout.write(json.dumps(asyncio.run(program(*sys.argv[1:])), default=str) + "\n")


if __name__ == "__main__":
    run(main)
