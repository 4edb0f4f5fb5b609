"""Unusual Pipecat pipelines: what is not reported is estimated or noted, and each call ends."""

from pathlib import Path
from typing import Any

import pytest

from tests.support import parts
from tests.support.background_loop import BackgroundLoop
from tests.support.emitter_server import EmitterServer, hang
from tests.support.integrations import run_with_frameworks

ESTIMATE = [("input_tokens", 9), ("output_tokens", 4)]
"""Of the 30 characters of the question and the role, and 13 of the reply."""

LATENCY = {"audio": 20, "usage": 200}
"""The most microseconds that an observed frame may take in the middle."""


class Scenarios:
    """What each scenario sent, and what its emitter counted."""

    def __init__(self, server: EmitterServer, results: dict[str, Any]) -> None:
        self._server, self._results = server, results

    def events(self, name: str, kind: str) -> list[dict[str, Any]]:
        return events_of(self._server, f"/{name}", kind)

    def status(self, name: str) -> str:
        [end] = self.events(name, "call.ended")
        return str(end["data"]["status"])

    def unreported(self, name: str) -> dict[str, int]:
        result = self._results[name]
        assert (result["refused"], len(self.events(name, ""))) == ({}, result["sent"])
        numbers: dict[str, int] = result["unreported"]
        return numbers


def events_of(server: EmitterServer, source: str, kind: str) -> list[dict[str, Any]]:
    sent = [event for event in server.stored.values() if event["source"] == source]
    return [event for event in sent if event["type"].startswith(kind)]


def units(event: dict[str, Any]) -> list[tuple[str, Any]]:
    data = event["data"]
    usages = data.get("usages") or [{"unit": data["unit"], "quantity": data["usage"]}]
    return [(one["unit"], one["quantity"]) for one in usages]


@pytest.fixture(scope="module")
def ran(tmp_path_factory: pytest.TempPathFactory, background: BackgroundLoop) -> Scenarios:
    """All scenarios, in one process."""
    directory = tmp_path_factory.mktemp("pipecat")
    with EmitterServer() as server:
        scenarios = "tests.support.pipecat_scenarios"
        results = background.run(run_with_frameworks(scenarios, server.url, cwd=directory))
    return Scenarios(server, results)


def test_pipeline_without_usage_metrics_is_noted(ran: Scenarios) -> None:
    assert ran.unreported("usage_metrics_are_off") == {"usage metrics are off": 1}
    assert ran.events("usage_metrics_are_off", "cost") == []


def test_client_with_another_address_is_its_vendor(ran: Scenarios) -> None:
    [cost] = ran.events("client_with_another_address", "cost")
    assert cost["data"]["service"] == "groq"


def test_calls_of_one_process_are_apart(ran: Scenarios) -> None:
    costs = ran.events("two_calls_at_once", "cost")
    by_user = {cost["data"]["userId"]: units(cost)[0] for cost in costs}
    assert by_user == {f"user-{number}": ("input_tokens", 100 * number) for number in (1, 2, 3)}
    assert len({cost["data"]["callId"] for cost in costs}) == 3


@pytest.mark.parametrize(
    ("name", "status"),
    [("cancelled_without_a_reason", "completed"), ("cancelled_for_a_reason", "terminated")],
)
def test_request_of_a_cancelled_pipeline_is_estimated(
    ran: Scenarios, name: str, status: str
) -> None:
    [cost] = ran.events(name, "cost")
    assert (cost["data"]["estimated"], units(cost)) == (True, ESTIMATE)
    assert cost["data"]["metadata"]["reason"] == "the request was interrupted"
    assert ran.unreported(name) == {"requests without usage": 1}
    assert ran.status(name) == status


def test_call_of_an_unusable_model_has_failed(ran: Scenarios) -> None:
    assert ran.status("unusable_model") == "failed"


def test_refused_request_costs_nothing(ran: Scenarios) -> None:
    assert ran.events("refused_request", "cost") == []
    assert ran.unreported("refused_request") == {}


def test_reply_without_usage_is_estimated(ran: Scenarios) -> None:
    [cost] = ran.events("reply_without_usage", "cost")
    assert (cost["data"]["estimated"], units(cost)[1]) == (True, ("output_tokens", 5))


def test_contradictory_counts_are_counted_whole(ran: Scenarios) -> None:
    [cost] = ran.events("contradictory_counts", "cost")
    assert units(cost) == [("input_tokens", 100), ("output_tokens", 3)]
    assert cost["data"]["estimated"]
    assert "contains 703" in cost["data"]["metadata"]["contradiction"]
    assert ran.unreported("contradictory_counts") == {"counts contradict each other": 1}


def test_service_without_metrics_is_noted(ran: Scenarios) -> None:
    assert ran.unreported("service_without_metrics")["services without usage metrics"] == 1


def test_interrupted_characters_of_a_voice_that_streams_tokens_are_estimated(
    ran: Scenarios,
) -> None:
    """It reports at the end of a reply; the text that waited was not given to the vendor."""
    costs = ran.events("voice_that_streams_tokens", "cost")
    speech = [cost["data"] for cost in costs if cost["data"]["operation"] == "tts"]
    figures = [(one["usage"], one.get("estimated", False)) for one in speech]
    assert figures == [(len("Paris."), False), (len("Well, let "), True)]


def test_fault_of_the_observer_does_not_reach_the_pipeline(ran: Scenarios) -> None:
    assert ran.status("failing_observer") == "completed"
    assert ran.unreported("failing_observer") == {"a frame was not counted": 1}
    assert len(ran.events("failing_observer", "cost")) == 1


def test_frame_of_two_pipelines_counts_once(ran: Scenarios) -> None:
    costs = ran.events("frame_of_two_pipelines", "cost")
    found = [
        (cost["id"].rpartition(":")[2], cost["data"]["service"], cost["data"]["operation"])
        for cost in costs
    ]
    assert found == [("0", "groq", "inference"), ("1", "elevenlabs", "tts"), ("2", "groq", "stt")]


def test_realtime_model_counts_what_it_reports_after_an_interruption(ran: Scenarios) -> None:
    """Nothing is estimated from its text, which says nothing of audio tokens."""
    [cost] = ran.events("realtime_model", "cost")
    assert "estimated" not in cost["data"]
    assert units(cost) == [
        ("input_tokens", 60),
        ("cached_input_tokens", 140),
        ("input_audio_tokens", 200),
        ("cached_input_audio_tokens", 500),
        ("output_tokens", 10),
        ("output_audio_tokens", 40),
    ]
    assert ran.unreported("realtime_model") == {}
    assert ran.unreported("silent_realtime_model") == {"requests of unknown size": 1}


@pytest.mark.parametrize(("ending", "status"), [("exit", 3), ("lost", 0)])
async def test_call_of_a_pipeline_that_is_never_cleaned_up_ends(
    tmp_path: Path, ending: str, status: int
) -> None:
    """At the end of the program, or once the pipeline is collected as garbage."""
    with EmitterServer() as server:
        await run_with_frameworks(
            "tests.support.pipecat_endings", ending, server.url, cwd=tmp_path, status=status
        )
        [end] = events_of(server, "/bot", "call.ended")
        cost = events_of(server, "/bot", "cost")[-1]
    assert end["data"]["status"] == "failed"
    assert (cost["data"]["estimated"], units(cost)) == (True, ESTIMATE)


async def test_traced_call_names_the_trace_of_its_spans(tmp_path: Path) -> None:
    """The ledger then does not count the spans as well."""
    with EmitterServer() as server:
        bot = await run_with_frameworks(
            "tests.support.pipecat_endings", "traced", server.url, cwd=tmp_path
        )
        [start] = events_of(server, "/bot", "call.started")
    [trace] = bot["traces"]
    assert start["data"]["tags"] == {"trace_id": trace}
    assert bot["call"] == trace


async def test_observer_takes_microseconds_while_the_server_hangs(tmp_path: Path) -> None:
    """The bounds are wide: this machine may do other things at the same time."""
    with EmitterServer(hang) as server:
        took = await run_with_frameworks("tests.support.pipecat_latency", server.url, cwd=tmp_path)
    lines = [f"{kind} p50 {took[kind]['p50']:.1f}, p99 {took[kind]['p99']:.1f}" for kind in LATENCY]
    parts.figures.append(f"Pipecat: µs of the observer for a frame: {'; '.join(lines)}")
    assert took["accepted"] == 5_000 + len(["call.started", "call.ended"])
    for kind, most in LATENCY.items():
        assert took[kind]["p50"] < most
