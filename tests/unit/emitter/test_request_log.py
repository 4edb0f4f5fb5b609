"""Requests of a model: usage belongs to the last one, and each without usage is estimated once."""

from collections.abc import Mapping
from dataclasses import dataclass, field

import pytest

from cost_analytics_emitter.estimates import count_characters, estimate_tokens
from cost_analytics_emitter.pipecat_names import name_of_class, name_of_host, service_name
from cost_analytics_emitter.request_log import Ending, RequestLog, VendorRequest


@dataclass
class Events:
    """What a log reported, in order."""

    reported: list[str] = field(default_factory=list)

    def report_estimate(self, request: VendorRequest, quantities: Mapping[str, int]) -> str:
        self.reported.append(f"{request.number}: {dict(quantities)}")
        return f"estimate-{request.number}"

    def void_estimate(self, estimate_id: str) -> None:
        self.reported.append(f"void {estimate_id}")

    def note_unknown(self, request: VendorRequest) -> None:
        self.reported.append(f"{request.number}: unknown")


def begun(
    *, sent: int = 40, received: int = 6, is_realtime: bool = False
) -> tuple[RequestLog, Events]:
    events = Events()
    log = RequestLog(events, is_realtime)
    log.begin(1, "a-model", characters_sent=sent, is_sent=True)
    log.receive(received)
    return log, events


def ended(log: RequestLog, ending: Ending) -> VendorRequest:
    assert log.last is not None
    log.last.end(ending)
    return log.last


@pytest.mark.parametrize("ending", ["interrupted", "finished", ""])
def test_request_without_usage_is_estimated_once(ending: Ending) -> None:
    log, events = begun()
    ended(log, ending)
    log.settle()
    log.settle()
    assert events.reported == ["1: {'input_tokens': 10, 'output_tokens': 2}"]


def test_next_request_settles_the_one_before() -> None:
    log, events = begun()
    log.begin(2, "a-model", is_sent=True)
    assert events.reported == ["1: {'input_tokens': 10, 'output_tokens': 2}"]


def test_request_with_usage_is_not_estimated() -> None:
    log, events = begun()
    assert not log.add_usage()
    ended(log, "finished")
    log.settle()
    assert events.reported == []


def test_usage_reported_by_an_interrupted_request_is_only_an_estimate() -> None:
    log, events = begun()
    ended(log, "interrupted")
    assert log.add_usage()
    log.settle()
    assert events.reported == []


def test_late_usage_replaces_the_estimate() -> None:
    log, events = begun()
    ended(log, "interrupted")
    log.settle()
    assert not log.add_usage()
    assert not log.add_usage()
    assert events.reported[1:] == ["void estimate-1"]


def test_overdue_request_is_not_taken_for_the_next_one() -> None:
    log, events = begun()
    first = ended(log, "finished")
    log.add_usage()
    log.begin(2, "a-model", is_sent=True)
    log.settle(first)
    assert events.reported == []


@pytest.mark.parametrize(("received", "reported"), [(0, 0), (6, 1)])
def test_failed_request_is_estimated_if_a_part_of_the_reply_came(
    received: int, reported: int
) -> None:
    log, events = begun(received=received)
    ended(log, "failed")
    ended(log, "finished")
    log.settle()
    assert len(events.reported) == reported


def test_request_that_was_never_sent_is_nothing() -> None:
    events = Events()
    log = RequestLog(events)
    log.begin(1, None, characters_sent=40, is_sent=False)
    log.settle()
    assert events.reported == []


def test_request_of_unknown_size_is_noted() -> None:
    log, events = begun(sent=0, received=0)
    ended(log, "interrupted")
    log.settle()
    assert events.reported == ["1: unknown"]


@pytest.mark.parametrize(("has_usage", "reported"), [(True, []), (False, ["2: unknown"])])
def test_realtime_model_is_noted_if_it_reports_nothing_at_all(
    has_usage: bool, reported: list[str]
) -> None:
    log, events = begun(is_realtime=True)
    ended(log, "interrupted")
    if has_usage:
        assert not log.add_usage()
    log.begin(2, "a-model", is_sent=True)
    log.settle()
    assert events.reported == []
    log.close()
    assert events.reported == reported


def test_tokens_are_a_quarter_of_the_characters_rounded_up() -> None:
    assert [estimate_tokens(characters) for characters in (0, 1, 4, 5)] == [0, 1, 1, 2]


def test_only_text_of_messages_is_counted() -> None:
    picture = {"type": "image_url", "image_url": {"url": "x" * 5000}}
    message = {"role": "user", "content": [{"type": "text", "text": "What is it?"}, picture]}
    assert count_characters(message) == len("user") + len("textWhat is it?") + len("image_url")
    endless: list[object] = ["x"]
    endless.append(endless)
    assert count_characters(endless) == 20


class _Vendor:
    __module__ = "pipecat.services.xai.llm"


class _MyAcmeLLMService(_Vendor):
    __module__ = "bot"


class _Decisions:
    __module__ = "pipecat.classifiers.openai.decisions.classifier"


class BobTTSService:
    """A voice of no package."""


def test_names_are_those_of_the_catalogue() -> None:
    assert service_name(_MyAcmeLLMService, {}) == "x-ai"
    assert service_name(_MyAcmeLLMService, {"_Vendor": "groq"}) == "groq"
    assert service_name(_Decisions, {}) == "openai"
    assert service_name(BobTTSService, {}) == "bob"
    assert name_of_class("GroqLLMService#3") == "groq"


@pytest.mark.parametrize(
    ("service", "host", "name"),
    [
        ("openai", "api.openai.com", "openai"),
        ("openai", "api.groq.com", "groq"),
        ("openai", "models.example.com", "openai"),
        ("openai", None, "openai"),
        ("cerebras", "api.groq.com", "cerebras"),
    ],
)
def test_client_of_openai_has_the_vendor_of_its_address(
    service: str, host: str | None, name: str
) -> None:
    assert name_of_host(service, host) == name
