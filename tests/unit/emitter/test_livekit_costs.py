"""Metrics of LiveKit become costs of the catalogue's services, and replace their own estimates only."""

from types import SimpleNamespace
from typing import Any

import pytest

from cost_analytics_emitter import Emitter
from cost_analytics_emitter.livekit_costs import Emission, SessionCosts
from cost_analytics_emitter.livekit_estimates import Estimate
from cost_analytics_emitter.livekit_metrics import read_metrics
from cost_analytics_emitter.livekit_nodes import Kind, NodeRequest
from cost_analytics_emitter.service_names import service_of, stt_operation


@pytest.mark.parametrize(
    ("provider", "service"),
    [
        ("api.openai.com", "openai"),
        ("my-company.openai.azure.com", "azure"),
        ("api.openai.com:443", "openai"),
        ("not-api.openai.com.example.org", "not-api.openai.com.example.org"),
        ("bedrock-runtime.eu-west-1.amazonaws.com", "aws"),
        ("AWS Bedrock", "aws"),
        ("Amazon Polly", "aws"),
        ("Vertex AI", "google"),
        ("Gemini", "google"),
        ("Google Cloud Platform", "google"),
        ("Deepgram", "deepgram"),
        ("ElevenLabs", "elevenlabs"),
        ("Azure STT", "azure"),
        ("azure-voicelive", "azure"),
        ("livekit", "livekit"),
        ("Own Vendor", "own_vendor"),
    ],
)
def test_vendors_have_the_names_of_the_catalogue(provider: str, service: str) -> None:
    assert service_of(provider) == service


def test_recognition_has_two_rates_at_some_vendors() -> None:
    assert stt_operation("deepgram", is_streamed=True) == "streaming_stt"
    assert stt_operation("deepgram", is_streamed=False) == "prerecorded_stt"
    assert stt_operation("openai", is_streamed=True) == "stt"


def metrics_of_model(**changes: Any) -> Any:
    counts = {"prompt_tokens": 100, "completion_tokens": 9, "total_tokens": 109}
    fields = {
        **counts,
        "type": "llm_metrics",
        "label": "plugin.LLM",
        "request_id": "r",
        "timestamp": 1.5,
        "cancelled": False,
        "metadata": SimpleNamespace(model_name="gpt-4.1", model_provider="api.openai.com"),
        **changes,
    }
    return SimpleNamespace(**fields, model_dump=lambda **_: fields)


@pytest.mark.parametrize(("kind", "voids"), [("llm", 1), ("stt", 0), ("tts", 0)])
def test_metric_replaces_the_estimate_of_its_own_request_only(kind: Kind, voids: int) -> None:
    """A turn that recognition ends runs in the context of its node."""
    with Emitter("http://127.0.0.1:9", "a-token", source="/livekit") as emitter:
        costs = SessionCosts(emitter, emitter.existing_call("c1", user="alice"))
        node = NodeRequest(kind, object(), object())
        metrics = metrics_of_model()
        reading = read_metrics(metrics, {})
        assert reading is not None
        estimate = Estimate({"input_tokens": 5}, "the request was interrupted", "text")
        node.estimate_id = costs.record_estimate(reading._replace(usages=estimate.usages), estimate)
        costs.record(reading, Emission(object(), metrics, node, None), is_assigned=True)
        assert costs.counts["replaced"] == voids
        assert len(costs.estimates) == 1 - voids
        assert emitter.counters().accepted == 2 + voids
        assert emitter.counters().refused == {}
        emitter.close(0)


def test_counts_that_contradict_are_recorded_whole_and_as_an_estimate() -> None:
    metrics = metrics_of_model(prompt_cached_tokens=101)
    reading = read_metrics(metrics, {"api.openai.com": "my-openai"})
    assert reading is not None
    assert (reading.service, reading.model) == ("my-openai", "gpt-4.1")
    assert reading.usages == {"input_tokens": 100, "output_tokens": 9}
    assert reading.problem == "`prompt_tokens` is 100, but contains 101."
    with Emitter("http://127.0.0.1:9", "a-token", source="/livekit") as emitter:
        costs = SessionCosts(emitter, emitter.existing_call("c1", user="alice"))
        costs.record(reading, Emission(object(), metrics, None, None), is_assigned=True)
        assert costs.counts == {"recorded": 1, "estimated": 1}
        assert emitter.counters().unreported == {"counts that contradict": 1}
        emitter.close(0)


def test_component_without_a_vendor_is_named_by_its_class() -> None:
    unknown = SimpleNamespace(model_name="unknown", model_provider="unknown")
    reading = read_metrics(metrics_of_model(metadata=unknown), {})
    assert reading is not None
    assert (reading.service, reading.model) == ("plugin.llm", None)
    assert read_metrics(SimpleNamespace(type="vad_metrics"), {}) is None
