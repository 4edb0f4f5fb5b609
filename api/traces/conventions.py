"""The attributes of GenAI spans: their names, and which counts contain which others.

The semantic conventions call the same count by several names, because instrumentations follow
different releases of them. By the conventions, `gen_ai.usage.input_tokens` contain cached and audio
tokens, and `output_tokens` contain reasoning. Exceptions are listed here and nowhere else; the
emitter's `vendor_usages` owns the conversions of vendors' own usage objects (ADR 0041).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from api.traces.spans import AttributeValue, ReceivedSpan
from schemas.spans import LIVEKIT_SCOPE, PIPECAT_SCOPES

Names = Sequence[str]

OPERATION: Final[Names] = ("gen_ai.operation.name", "llm.request.type")
PROVIDER: Final[Names] = ("gen_ai.provider.name", "gen_ai.system")
MODEL: Final[Names] = ("gen_ai.request.model", "gen_ai.response.model")
TIER: Final[Names] = (
    "gen_ai.openai.response.service_tier",
    "openai.response.service_tier",
)

INPUT: Final[Names] = ("gen_ai.usage.input_tokens", "gen_ai.usage.prompt_tokens")
OUTPUT: Final[Names] = ("gen_ai.usage.output_tokens", "gen_ai.usage.completion_tokens")
CACHE_READ: Final[Names] = (
    "gen_ai.usage.cache_read.input_tokens",
    "gen_ai.usage.cache_read_input_tokens",
    "gen_ai.usage.input_cached_tokens",
)
CACHE_WRITE: Final[Names] = (
    "gen_ai.usage.cache_creation.input_tokens",
    "gen_ai.usage.cache_write.input_tokens",
    "gen_ai.usage.cache_creation_input_tokens",
)
REASONING: Final[Names] = (
    "gen_ai.usage.reasoning.output_tokens",
    "gen_ai.usage.reasoning_tokens",
)
AUDIO_INPUT: Final[Names] = (
    "gen_ai.usage.audio.input_tokens",
    "gen_ai.usage.input_audio_tokens",
)
AUDIO_CACHE_READ: Final[Names] = ("gen_ai.usage.audio.cache_read.input_tokens",)
AUDIO_OUTPUT: Final[Names] = (
    "gen_ai.usage.audio.output_tokens",
    "gen_ai.usage.output_audio_tokens",
)

CHARACTERS: Final = "metrics.character_count"
AUDIO_SECONDS: Final = "metrics.audio_seconds"
"""Attributes of Pipecat's spans of speech."""
TTS_METRICS: Final = "lk.tts_metrics"
"""The attribute of LiveKit's spans of speech: its `TTSMetrics` in JSON."""

INFERENCE: Final = frozenset(
    {
        "chat",
        "completion",
        "embedding",
        "embeddings",
        "generate_content",
        "text_completion",
        "llm_response",  # Pipecat's realtime services
    }
)
"""The operations that are one request to a model. Spans of agents, workflows and tools repeat the
counts of the requests that they contain, and are not requests."""
EMBEDDINGS: Final = frozenset({"embedding", "embeddings"})

PIPECAT, PIPECAT_TURNS = PIPECAT_SCOPES
LIVEKIT: Final = LIVEKIT_SCOPE

_NET_OF_CACHE: Final = frozenset({(PIPECAT, "anthropic"), (PIPECAT, "aws.bedrock")})
"""Scopes and providers whose input tokens do not contain those of the cache: Pipecat writes the
vendor's own count, which Anthropic and Bedrock report net."""

_SERVICES: Final = {
    "amazon_bedrock": "aws",
    "aws.bedrock": "aws",
    "aws_bedrock": "aws",
    "az.ai.inference": "azure",
    "az.ai.openai": "azure",
    "azure.ai.inference": "azure",
    "azure.ai.openai": "azure",
    "gcp.gemini": "google",
    "gcp.gen_ai": "google",
    "gcp.vertex_ai": "google",
    "gemini": "google",
    "mistral_ai": "mistral",
    "moonshot_ai": "moonshotai",
    "vertex_ai": "google",
    "x_ai": "x-ai",
    "xai": "x-ai",
}
"""The price catalogue's names of services that are not the provider's name."""
_HOST_PREFIXES: Final = ("api.", "tts.", "stt.")


def first(span: ReceivedSpan, names: Names) -> AttributeValue | None:
    """Return the first of several attributes that a span has."""
    for name in names:
        value = span.attributes.get(name)
        if value is not None:
            return value
    return None


def text(span: ReceivedSpan, names: Names) -> str:
    """Return the first of several attributes as text; empty if none is set."""
    value = first(span, names)
    return value.strip() if isinstance(value, str) else ""


def is_net_of_cache(span: ReceivedSpan) -> bool:
    """Return whether the input tokens of a span do not contain cached ones."""
    return (span.scope, text(span, PROVIDER).lower()) in _NET_OF_CACHE


def service_of(provider: str) -> str:
    """Return the service of a provider as the price catalogue calls it.

    LiveKit names some providers by the host of their API: `api.openai.com`.
    """
    name = provider.strip().lower()
    for prefix in _HOST_PREFIXES:
        if name.startswith(prefix) and name.count(".") > 1:
            name = name.removeprefix(prefix).split(".")[0]
    return _SERVICES.get(name, name)
