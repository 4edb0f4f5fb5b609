"""A Pipecat bot whose pipeline is never cleaned up, or is traced, as a process of its own."""

import asyncio
import gc
import json
import sys
from typing import Any

from opentelemetry import trace
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

from cost_analytics_emitter import Emitter
from tests.support.pipecat_pipelines import Bot, model, simple
from tests.support.pipecat_vendors import Reply


async def exit_during_a_request(emitter: Emitter) -> None:
    """End the program while a model answers, without a word to the pipeline."""
    reply = Reply(["Well, let me "], hangs=True)
    bot = Bot(emitter, model(simple(), reply))

    async def talk() -> None:
        await bot.ask()
        await bot.worker.flush_pipeline()
        await bot.ask()
        await reply.is_reached.wait()
        await asyncio.sleep(0.2)
        sys.exit(3)

    await bot.run(talk)


def lose_the_pipeline(emitter: Emitter) -> dict[str, Any]:
    """Stop the loop of a pipeline, and forget it: a server that goes on with other calls."""
    loop = asyncio.new_event_loop()
    reply = Reply(["Well, let me "], hangs=True)
    bot: Bot | None = Bot(emitter, model(reply))
    assert bot is not None
    running = loop.create_task(bot.run(bot.ask))
    loop.run_until_complete(reply.is_reached.wait())
    loop.run_until_complete(asyncio.sleep(0.2))
    # The loop never runs again, so nothing of the pipeline is cancelled.
    running = None  # type: ignore[assignment]
    bot = None
    loop.close()
    del loop, reply, running
    gc.collect()
    return {"flushed": emitter.flush(10)}


def trace_the_pipeline(emitter: Emitter) -> dict[str, Any]:
    """Return the call, and the traces of the services' spans."""
    exporter = InMemorySpanExporter()
    provider = TracerProvider()
    provider.add_span_processor(SimpleSpanProcessor(exporter))
    trace.set_tracer_provider(provider)
    bot = Bot(emitter, model(simple()), enable_tracing=True)
    asyncio.run(bot.run())
    spans = [span for span in exporter.get_finished_spans() if span.name == "llm"]
    return {
        "call": bot.observer.call.call_id,
        "traces": [format(span.context.trace_id, "032x") for span in spans],
        "flushed": emitter.flush(10),
    }


if __name__ == "__main__":
    ending, url = sys.argv[1:]
    the_emitter = Emitter(url, "a-token", source="/bot")
    if ending == "exit":
        asyncio.run(exit_during_a_request(the_emitter))
    result = {"lost": lose_the_pipeline, "traced": trace_the_pipeline}[ending](the_emitter)
    sys.stdout.write("\n" + json.dumps(result) + "\n")
