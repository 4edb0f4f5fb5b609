"""The emitter's thread delivers every event once, whatever the server answers."""

import tracemalloc
from collections.abc import Iterator
from contextlib import contextmanager
from decimal import Decimal
from threading import Thread
from time import monotonic
from typing import Any

import pytest

from cost_analytics_emitter import CallReference, Emitter
from tests.support.emitter_server import (
    Answer,
    EmitterServer,
    accept_half,
    accept_silently,
    dribble,
    fail,
    hang,
    page,
    refuse_if,
    reset,
)

TOKEN = "a-token"
SECONDS = 10


@contextmanager
def emitting(server: EmitterServer, **options: Any) -> Iterator[Emitter]:
    given = {"source": "/bot", "linger_seconds": 0.05, "timeout_seconds": 0.4, **options}
    emitter = Emitter(server.url, TOKEN, **given)
    try:
        yield emitter
    finally:
        emitter.close(0)


def report(call: CallReference, number: int) -> list[str]:
    return [call.usage("twilio", "voice_call", each, "minutes") for each in range(number)]


FAULTS: dict[str, list[Answer]] = {
    "hangs": [hang],
    "sends a byte now and then": [dribble],
    "resets the connection": [reset, reset],
    "stores, and resets in the response": [accept_silently, accept_silently],
    "answers 429": [fail(429, "rate_limited", Retry_After="0")],
    "answers 503": [fail(503, "unavailable"), fail(503, "unavailable")],
    "answers 401": [fail(401, "unauthorized")],
    "answers 403": [fail(403, "foreign_source")],
    "answers 404": [fail(404, "not_found")],
    "answers with a page": [page],
    "accepts a part": [accept_half, accept_half],
    "does not know gzip": [fail(415, "unsupported_media_type")],
    "cannot read the body": [fail(400, "bad_request")],
}


@pytest.mark.parametrize("name", FAULTS)
def test_every_event_is_stored_after_a_server(name: str) -> None:
    with EmitterServer(*FAULTS[name]) as server, emitting(server) as emitter:
        ids = report(emitter.existing_call("call-1", user="alice"), 30)
        assert emitter.flush(SECONDS)
        counters = emitter.counters()
    assert sorted(server.stored) == sorted(ids)
    assert (counters.sent, counters.pending, counters.refused, counters.dropped) == (30, 0, {}, {})
    assert counters.retried or name == "does not know gzip"
    repeated: dict[str, list[Any]] = {}
    for event in (event for batch in server.received for event in batch):
        repeated.setdefault(event["id"], []).append(event)
    assert all(each == events[0] for events in repeated.values() for each in events)


def test_retry_after_is_respected() -> None:
    with (
        EmitterServer(fail(429, "rate_limited", Retry_After="1")) as server,
        emitting(server) as emitter,
    ):
        report(emitter.existing_call("call-1"), 1)
        began = monotonic()
        assert emitter.flush(SECONDS)
        assert 0.9 < monotonic() - began < 5


def test_refused_events_do_not_stop_the_others(caplog: pytest.LogCaptureFixture) -> None:
    """A batch is refused as a whole: halves of it find the events that are meant."""
    bad = {3, 17, 18, 29}
    refusing = refuse_if(lambda event: event["data"]["usage"] in bad)
    with EmitterServer(refusing) as server, emitting(server) as emitter:
        ids = report(emitter.existing_call("call-1"), 30)
        assert emitter.flush(SECONDS)
        counters = emitter.counters()
    assert counters.sent == 26
    assert counters.refused == {"invalid_event": 4}
    assert server.stored.keys() == {one for number, one in enumerate(ids) if number not in bad}
    assert sum("because of invalid_event" in line for line in caplog.messages) == 4


def test_too_large_batch_is_sent_in_parts() -> None:
    with EmitterServer(fail(413, "payload_too_large")) as server, emitting(server) as emitter:
        ids = report(emitter.existing_call("call-1"), 9)
        assert emitter.flush(SECONDS)
    assert server.stored.keys() == set(ids)
    assert [len(batch) for batch in server.received] == [9, 4, 5]


@pytest.mark.parametrize("exponent", [300_000_000, -300_000_000])
def test_absurd_exponents_take_no_memory(exponent: int) -> None:
    with EmitterServer() as server, emitting(server) as emitter:
        call = emitter.existing_call("call-1", user="alice")
        tracemalloc.start()
        call.charge(Decimal((0, (1,), exponent)))
        _, peak_bytes = tracemalloc.get_traced_memory()
        tracemalloc.stop()
        assert peak_bytes < 1_000_000
        call.charge(Decimal("0E-12"))
        assert emitter.flush(SECONDS)
        counters = emitter.counters()
    assert (counters.sent, counters.refused) == (1, {"cannot be sent": 1})


def test_large_batches_are_compressed_and_carry_the_token() -> None:
    with EmitterServer() as server, emitting(server) as emitter:
        report(emitter.existing_call("call-1"), 500)
        assert emitter.flush(SECONDS)
    assert "gzip" in server.encodings
    assert {*server.authorizations} == {f"Bearer {TOKEN}"}
    assert max(map(len, server.received)) <= 200


def test_full_memory_drops_events_and_reports_it(caplog: pytest.LogCaptureFixture) -> None:
    with EmitterServer(hang) as server, emitting(server, memory_bytes_max=20_000) as emitter:
        report(emitter.existing_call("call-1"), 100)
        counters = emitter.counters()
        assert counters.dropped.keys() == {"no room"}
        assert counters.accepted + counters.dropped["no room"] == 100
        assert 20 < counters.accepted < 60
        assert emitter.flush(SECONDS)
        assert len(server.stored) == counters.accepted
    assert [line for line in caplog.messages if "events are dropped" in line]


def test_flush_and_close_keep_their_deadlines(caplog: pytest.LogCaptureFixture) -> None:
    with EmitterServer(hang) as server:
        emitter = Emitter(server.url, TOKEN, source="/bot", timeout_seconds=5)
        report(emitter.existing_call("call-1"), 3)
        began = monotonic()
        assert not emitter.flush(0.2)
        assert not emitter.close(0.2)
        assert monotonic() - began < 2
        emitter.existing_call("call-1").charge(1)
        counters = emitter.counters()
    assert counters.dropped == {"not sent before the end": 3, "the emitter is closed": 1}
    assert counters.pending == 0
    assert "events are dropped" in caplog.text


def test_threads_report_at_the_same_time() -> None:
    with EmitterServer(reset, accept_half) as server, emitting(server) as emitter:
        call = emitter.existing_call("call-1")
        threads = [Thread(target=report, args=(call, 250)) for _ in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert emitter.flush(SECONDS)
        assert emitter.counters().accepted == emitter.counters().sent == 2_000
    assert len(server.stored) == 2_000


def test_token_is_asked_for_at_each_request() -> None:
    tokens = iter(["first", "second"])
    with EmitterServer(fail(401, "unauthorized")) as server:
        emitter = Emitter(server.url, lambda: next(tokens), source="/bot")
        report(emitter.existing_call("call-1"), 1)
        assert emitter.close(SECONDS)
    assert server.authorizations == ["Bearer first", "Bearer second"]
