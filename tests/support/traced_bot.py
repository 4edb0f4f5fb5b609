"""A bot with OpenTelemetry's real SDK and exporter, as a process: it prints what it traced, as JSON.

Each request is traced three times: by an agent, by its framework and by the vendor's library.
"""

import json
import random
import sys
from typing import Any

from opentelemetry import trace
from opentelemetry.exporter.otlp.proto.http import Compression
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor

from tests.support.otlp_session import LossySession

MODEL = "gpt-4-turbo"


def provider_of(
    url: str,
    token: str,
    session: LossySession,
    batch: int,
    *,
    delay_seconds: float = 0.1,
    **resource: str,
) -> TracerProvider:
    """Return a provider that exports small batches, so that parents and children are apart."""
    named = {name.replace("_", "."): value for name, value in resource.items()}
    provider = TracerProvider(resource=Resource.create(named))
    exporter = OTLPSpanExporter(
        url,
        headers={"Authorization": f"Bearer {token}"},
        session=session,
        compression=Compression.Gzip if batch % 2 else Compression.NoCompression,
    )
    processor = BatchSpanProcessor(
        exporter,
        schedule_delay_millis=delay_seconds * 1_000,
        max_export_batch_size=batch,
        max_queue_size=50_000,
    )
    provider.add_span_processor(processor)
    return provider


def usage(prompt: int, reply: int, operation: str = "chat") -> dict[str, Any]:
    return {
        "gen_ai.operation.name": operation,
        "gen_ai.provider.name": "openai",
        "gen_ai.request.model": MODEL,
        "gen_ai.usage.input_tokens": prompt,
        "gen_ai.usage.output_tokens": reply,
    }


def hold_call(provider: TracerProvider, number: int, requests: int, chance: random.Random) -> int:
    """Trace a call; return the sum of its costs in nano-dollars."""
    nano = 0
    framework = provider.get_tracer("opentelemetry.instrumentation.langchain")
    client = provider.get_tracer("opentelemetry.instrumentation.openai_v2")
    own = {"session.id": f"otel-call-{number}", "user.id": f"user-{number % 3}"}
    root = {**own, "cost_analytics.call.id": own["session.id"]}
    with provider.get_tracer("bot").start_as_current_span("call", attributes=root):
        for _ in range(requests):
            prompt, reply = chance.randint(50, 5_000), chance.randint(1, 500)
            nano += prompt * 10_000 + reply * 30_000
            with (
                framework.start_as_current_span("agent") as agent,
                framework.start_as_current_span("chat") as outer,
            ):
                with client.start_as_current_span("POST"), client.start_as_current_span("chat"):
                    trace.get_current_span().set_attributes({**own, **usage(prompt, reply)})
                outer.set_attributes({**own, **usage(prompt, reply)})
                agent.set_attributes({**own, **usage(prompt, reply, "invoke_agent")})
    return nano


def main(url: str, token: str, encoding: str, calls: str, requests: str, seed: str) -> None:
    """Trace calls, lose answers, and send all spans again in other groups."""
    chance = random.Random(int(seed))
    session = LossySession(encoding, int(seed))
    provider = provider_of(url, token, session, 7, service_name="traced-bot")
    nano = sum(hold_call(provider, number, int(requests), chance) for number in range(int(calls)))
    is_flushed = provider.force_flush(60_000)
    provider.shutdown()
    session.send_again(url, token)
    result = {
        "nano": nano,
        "requests": int(calls) * int(requests),
        "flushed": is_flushed,
        "lost": session.lost,
        "posts": session.requests,
        "refused": session.refused,
    }
    sys.stdout.write("\n" + json.dumps(result) + "\n")


if __name__ == "__main__":
    main(*sys.argv[1:])
