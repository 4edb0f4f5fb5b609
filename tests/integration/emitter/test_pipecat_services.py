"""Each LLM service of Pipecat reports the cache in its own way, and all become the same quantities."""

from pathlib import Path
from typing import Any

import pytest

from tests.support.background_loop import BackgroundLoop
from tests.support.house import ROOT
from tests.support.integrations import run_with_frameworks

INCLUSIVE = {
    "AzureLLMService", "CerebrasLLMService", "CrusoeLLMService", "DeepSeekLLMService",
    "FireworksLLMService", "GrokLLMService", "GroqLLMService", "InceptionLLMService",
    "MistralLLMService", "NebiusLLMService", "NovitaLLMService", "NvidiaLLMService",
    "NvidiaOmniLLMService", "OLLamaLLMService", "OpenAILLMService", "OpenAIResponsesHttpLLMService",
    "OpenAIResponsesLLMService", "OpenRouterLLMService", "PerplexityAgentHttpLLMService",
    "PerplexityLLMService", "QwenLLMService", "SambaNovaLLMService", "SarvamLLMService",
    "SmallestLLMService", "TogetherLLMService",
}  # fmt: skip
INCLUSIVE_READS = {"GoogleLLMService", "GoogleVertexLLMService", "OpenAILiveLLMService"}
INCLUSIVE_AUDIO = {"AzureRealtimeLLMService", "OpenAIRealtimeLLMService"}
INCLUSIVE_GEMINI_AUDIO = {"GeminiLiveLLMService", "GeminiLiveVertexLLMService"}
NET = {"AnthropicLLMService", "AWSBedrockLLMService"}
WITHOUT_CACHE = {
    "AWSNovaSonicLLMService", "AzureVoiceLiveLLMService", "GrokRealtimeLLMService",
    "InworldRealtimeLLMService",
}  # fmt: skip
SILENT = {"UltravoxRealtimeLLMService"}

REPLY = {"output_tokens": 30, "reasoning_tokens": 20}
WRITTEN = {"input_tokens": 340, "cached_input_tokens": 600, "cache_write_tokens": 60}
EXPECTED: list[tuple[set[str], dict[str, Any] | None]] = [
    (INCLUSIVE, {"prompt": 1000, "usages": {**WRITTEN, **REPLY}}),
    # Tokens written to the cache are not reported, and counted as input.
    (
        INCLUSIVE_READS,
        {"prompt": 1000, "usages": {"input_tokens": 400, "cached_input_tokens": 600, **REPLY}},
    ),
    (
        INCLUSIVE_AUDIO,
        {
            "prompt": 1000,
            "usages": {
                "input_tokens": 200,
                "cached_input_tokens": 100,
                "input_audio_tokens": 200,
                "cached_input_audio_tokens": 500,
                "output_tokens": 10,
                "output_audio_tokens": 40,
            },
        },
    ),
    (
        INCLUSIVE_GEMINI_AUDIO,
        {
            "prompt": 1000,
            "usages": {
                "input_tokens": 200,
                "cached_input_tokens": 100,
                "input_audio_tokens": 200,
                "cached_input_audio_tokens": 500,
                "output_tokens": 5,
                "reasoning_tokens": 20,
                "output_audio_tokens": 25,
            },
        },
    ),
    (NET, {"prompt": 340, "usages": {**WRITTEN, "output_tokens": 50}}),
    (WITHOUT_CACHE, {"prompt": 1000, "usages": {"input_tokens": 1000, "output_tokens": 50}}),
    (SILENT, None),
]
SERVICES = {name: expected for names, expected in EXPECTED for name in names}


@pytest.fixture(scope="module")
def reported(
    tmp_path_factory: pytest.TempPathFactory, background: BackgroundLoop
) -> dict[str, Any]:
    """What each service of the installed package reports for one request."""
    directory = tmp_path_factory.mktemp("pipecat")
    program = run_with_frameworks("tests.support.pipecat_services", cwd=directory)
    found: dict[str, Any] = background.run(program)
    return found


def test_every_service_of_the_package_is_known(reported: dict[str, Any]) -> None:
    assert reported.keys() == SERVICES.keys()


@pytest.mark.parametrize("name", sorted(SERVICES))
def test_service_is_split_as_its_vendor_bills(name: str, reported: dict[str, Any]) -> None:
    assert reported[name] == SERVICES[name]


@pytest.mark.parametrize("name", sorted(SERVICES))
def test_service_is_documented(name: str) -> None:
    page = Path(ROOT, "docs", "integrations", "pipecat.md").read_text("utf-8")
    assert name.removesuffix("LLMService") in page
