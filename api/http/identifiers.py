"""Which texts may be the id of a user or a call, in paths and in tokens."""

from __future__ import annotations

from typing import Final

ID_CHARACTERS_MAX: Final = 255
NOT_UTF8: Final = "is not UTF-8"


def is_identifier(text: str) -> bool:
    """Return whether a text is a valid id: 1 to 255 characters that PostgreSQL can store."""
    return identifier_error(text) is None


def identifier_error(text: str) -> str | None:
    """Return the error of an invalid id, to follow the parameter's name; None if valid."""
    if not 0 < len(text) <= ID_CHARACTERS_MAX:
        return f"must have 1 to {ID_CHARACTERS_MAX} characters"
    if "\0" in text:
        return "contains a NUL character"
    if text.isascii() or not any("\ud800" <= letter <= "\udfff" for letter in text):
        return None
    return NOT_UTF8
