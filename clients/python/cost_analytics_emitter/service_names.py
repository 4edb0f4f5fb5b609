"""Names of vendors as voice frameworks write them, and as the price catalogue does."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Final

_HOSTS: Final[tuple[tuple[str, str], ...]] = (
    ("api.openai.com", "openai"),
    ("openai.azure.com", "azure"),
    ("services.ai.azure.com", "azure"),
    ("api.anthropic.com", "anthropic"),
    ("generativelanguage.googleapis.com", "google"),
    ("aiplatform.googleapis.com", "google"),
    ("amazonaws.com", "aws"),
    ("api.cerebras.ai", "cerebras"),
    ("api.cohere.com", "cohere"),
    ("api.deepseek.com", "deepseek"),
    ("api.fireworks.ai", "fireworks"),
    ("api.groq.com", "groq"),
    ("api.mistral.ai", "mistral"),
    ("api.moonshot.ai", "moonshotai"),
    ("api.perplexity.ai", "perplexity"),
    ("api.together.ai", "together"),
    ("api.together.xyz", "together"),
    ("api.x.ai", "x-ai"),
    ("openrouter.ai", "openrouter"),
)
"""The services of hosts and of all hosts below them."""

_NAMES: Final[Mapping[str, str]] = {
    "amazon": "aws",
    "amazonpolly": "aws",
    "amazontranscribe": "aws",
    "awsbedrock": "aws",
    "azureopenai": "azure",
    "azurestt": "azure",
    "azuretts": "azure",
    "azurevoicelive": "azure",
    "bedrock": "aws",
    "gemini": "google",
    "googlecloudplatform": "google",
    "mistralai": "mistral",
    "moonshot": "moonshotai",
    "vertexai": "google",
    "vertexaimodelgarden": "google",
    "xai": "x-ai",
}

_not_a_letter: Final = re.compile(r"[^a-z0-9]").sub
_blanks: Final = re.compile(r"\s+").sub


def service_of(provider: str) -> str:
    """Return the catalogue's service for a vendor's host (`api.openai.com`) or name (`Deepgram`).

    An unlisted name is written in lower case, with `_` for blanks: it needs prices of its own.
    """
    name = provider.strip().lower()
    host = name.partition(":")[0]
    for suffix, service in _HOSTS:
        if host == suffix or host.endswith(f".{suffix}"):
            return service
    return _NAMES.get(_not_a_letter("", name)) or _blanks("_", name)


_TWO_RATES: Final = frozenset({"cartesia", "deepgram", "elevenlabs", "google"})
"""Vendors with different prices for streams and for recordings."""


def stt_operation(service: str, *, is_streamed: bool) -> str:
    """Return the catalogue's operation for speech recognition."""
    if service not in _TWO_RATES:
        return "stt"
    return "streaming_stt" if is_streamed else "prerecorded_stt"
