"""What may be an id: of a user or of a call, in a path as in a token."""

from __future__ import annotations

from typing import Final

ID_CHARACTERS_MAX: Final = 255


NOT_UTF8: Final = "is not UTF-8"


def is_identifier(text: str) -> bool:
    """Return whether a text may be an id: 1 to 255 characters that PostgreSQL can hold."""
    return flaw_of(text) is None


def flaw_of(text: str) -> str | None:
    """Return why a text cannot be an id, to be said of its name; None where it can."""
    if not 0 < len(text) <= ID_CHARACTERS_MAX:
        return f"must have 1 to {ID_CHARACTERS_MAX} characters"
    if "\0" in text:
        return "holds a NUL character"
    if text.isascii() or not any("\ud800" <= letter <= "\udfff" for letter in text):
        return None
    return NOT_UTF8
