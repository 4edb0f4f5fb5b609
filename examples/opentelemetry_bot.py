"""A voice bot whose OpenTelemetry spans report its costs; it needs no emitter.

python examples/opentelemetry_bot.py --url http://127.0.0.1:8080 --token TOKEN, with the Python of
`.local/integrations`, which has OpenTelemetry's SDK (`make setup-integrations`). A bot of your own
needs no code for this: set the variables of docs/integrations/opentelemetry.md. The call appears on
the page Live of the user `demo` while it lasts.
"""

from __future__ import annotations

import argparse
import logging
import sys
import time
from decimal import Decimal
from uuid import uuid4

from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import Tracer, TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor

TURNS = 5
# The prices with which the product starts, in US dollars for a token in and out.
TOKEN_IN, TOKEN_OUT = Decimal("0.00001"), Decimal("0.00003")


def answer(question: str, speed: float) -> dict[str, int]:
    """Stand in for a model: return the `usage` that it reports for a question."""
    time.sleep(speed)
    return {"prompt_tokens": 300 + 40 * len(question), "completion_tokens": 40}


def trace_request(tracer: Tracer, question: str, speed: float) -> dict[str, int]:
    """Ask the model in a span, as an instrumentation of its client does."""
    with tracer.start_as_current_span("chat gpt-4-turbo") as span:
        span.set_attribute("gen_ai.operation.name", "chat")
        span.set_attribute("gen_ai.provider.name", "openai")
        span.set_attribute("gen_ai.request.model", "gpt-4-turbo")
        usage = answer(question, speed)
        span.set_attribute("gen_ai.usage.input_tokens", usage["prompt_tokens"])
        span.set_attribute("gen_ai.usage.output_tokens", usage["completion_tokens"])
    return usage


def talk(tracer: Tracer, call_id: str, speed: float) -> Decimal:
    """Hold one call, whose span is the root of its trace; return its costs."""
    costs = Decimal()
    with tracer.start_as_current_span("call") as call:
        call.set_attribute("cost_analytics.call.id", call_id)
        for turn in range(TURNS):
            usage = trace_request(tracer, "How are you?" * (turn + 1), speed)
            costs += usage["prompt_tokens"] * TOKEN_IN + usage["completion_tokens"] * TOKEN_OUT
    return costs


def main() -> int:
    """Trace one call, and print what it costs."""
    logging.basicConfig(level=logging.INFO, format="%(levelname)s %(message)s")
    parser = argparse.ArgumentParser(description="Traces a call of five turns.")
    parser.add_argument("--url", required=True, help="the address of Cost Analytics")
    parser.add_argument("--token", required=True, help="the key of this service")
    parser.add_argument("--speed", type=float, default=1.0, help="seconds that an answer takes")
    arguments = parser.parse_args()
    call_id = f"otel-{uuid4()}"
    # The same as OTEL_RESOURCE_ATTRIBUTES, for a process that holds one call.
    resource = Resource.create(
        {"service.name": "otel-bot", "user.id": "demo", "session.id": call_id}
    )
    provider = TracerProvider(resource=resource)
    exporter = OTLPSpanExporter(
        f"{arguments.url}/v1/traces", headers={"Authorization": f"Bearer {arguments.token}"}
    )
    provider.add_span_processor(BatchSpanProcessor(exporter, schedule_delay_millis=500))
    costs = talk(provider.get_tracer("examples.opentelemetry_bot"), call_id, arguments.speed)
    is_sent = provider.force_flush(10_000)
    provider.shutdown()
    sys.stdout.write(f"call {call_id} costs {costs.normalize():f} USD\n")
    return 0 if is_sent else 1


if __name__ == "__main__":
    sys.exit(main())
