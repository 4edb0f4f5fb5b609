"""The API leaves out spans of a framework in traces that an attachment has declared."""

from tests.support.api import served_from
from tests.support.events import started
from tests.support.intake import MemoryEventStream
from tests.support.metrics import scrape
from tests.support.otlp import TRACE, export, joined, partial_success, send_json, span
from tests.support.recording import BatchWriter, TopicLog
from tests.support.unpriced import NOW


async def test_declared_trace_is_left_out(database_url: str) -> None:
    request = joined(
        export(span(1), scope="livekit-agents"),
        export(span(2, times=(5, 6)), scope="opentelemetry.instrumentation.openai_v2"),
    )
    stream = MemoryEventStream()
    async with served_from(database_url, events=stream) as api:
        assert partial_success(await send_json(api, request)) == (0, "")
        assert len(stream.events) == 2
        declaration = started(call="c", user="alice", time=NOW, tags={"trace_id": TRACE})
        async with BatchWriter(database_url) as writer:
            await writer.record(TopicLog().batch([declaration]))
        assert partial_success(await send_json(api, request)) == (0, "")
        assert len(stream.events) == 3
        metrics = await scrape(api)
    for outcome, count in (("counted", 3), ("attached", 1), ("nested", 0)):
        assert metrics.labelled("cost_analytics_spans_total", outcome=outcome) == count
