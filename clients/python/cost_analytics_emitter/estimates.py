"""Estimates the tokens of a request that reported none, from its text."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final

CHARACTERS_PER_TOKEN: Final = 4
"""English text; other languages have fewer characters in a token."""
NESTING_MAX: Final = 20
"""Deeper values are not counted."""
_BINARY_KEYS: Final = frozenset({"data", "file_data", "image_url", "input_audio", "source", "url"})
"""Fields of messages that hold images, audio or files, or their addresses."""


def estimate_tokens(characters: int) -> int:
    """Return about how many tokens a text has; at least 1, unless it is empty."""
    return -(-characters // CHARACTERS_PER_TOKEN)


def count_characters(value: object, depth: int = NESTING_MAX) -> int:
    """Return the number of characters of the text in decoded JSON, such as messages of a model.

    Images, audio and files are left out.
    """
    if isinstance(value, str):
        return len(value)
    if depth <= 0:
        return 0
    if isinstance(value, Mapping):
        return sum(
            count_characters(one, depth - 1)
            for key, one in value.items()
            if key not in _BINARY_KEYS
        )
    if isinstance(value, Sequence) and not isinstance(value, (bytes, bytearray)):
        return sum(count_characters(one, depth - 1) for one in value)
    return 0
