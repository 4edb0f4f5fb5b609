"""The kinds of price sources."""

from __future__ import annotations

from streams.prices.genai_source import GenAiPrices
from streams.prices.litellm import LiteLlmPrices
from streams.prices.reading import JsonPrices, TwilioVoice

AnySource = TwilioVoice | JsonPrices | LiteLlmPrices | GenAiPrices
