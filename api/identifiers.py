"""What may be an id: of a user or of a call, in a path as in a token."""

from __future__ import annotations

from typing import Final

ID_CHARACTERS_MOST: Final = 255


def is_identifier(text: str) -> bool:
    """Say whether a text may be an id: 1 to 255 characters that PostgreSQL can hold."""
    if not 0 < len(text) <= ID_CHARACTERS_MOST or "\0" in text:
        return False
    return text.isascii() or not any("\ud800" <= letter <= "\udfff" for letter in text)
