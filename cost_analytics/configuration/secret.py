"""A secret value, which is printed and logged as stars."""

from __future__ import annotations

from typing import Final

DIFFERENT_CHARACTERS_MIN: Final = 8
_MASK: Final = "Secret(***)"


class Secret:
    """A password, a key, or an address with a password. Only `reveal()` returns the text."""

    __slots__ = ("_text",)

    def __init__(self, text: str) -> None:
        self._text = text

    def reveal(self) -> str:
        """Return the secret in plain text."""
        return self._text

    def __bool__(self) -> bool:
        return bool(self._text)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Secret) and other._text == self._text

    def __hash__(self) -> int:
        return hash(self._text)

    def __repr__(self) -> str:
        return _MASK

    def __format__(self, spec: str) -> str:
        return format(_MASK, spec)

    def __reduce__(self) -> str | tuple[object, ...]:
        raise TypeError("a secret cannot be serialized")


def weakness_of(text: str, bytes_min: int) -> str | None:
    """Return why a secret is easy to guess, as the rest of a sentence; None if it is not.

    A random text of 32 hexadecimal digits has fewer than 8 different ones once in 10^8 cases.
    """
    if len(text.encode()) < bytes_min:
        return f"must have at least {bytes_min} bytes"
    if len(set(text)) < DIFFERENT_CHARACTERS_MIN:
        return f"must have at least {DIFFERENT_CHARACTERS_MIN} different characters"
    if text in (text + text)[1:-1]:
        return "must not repeat a shorter text"
    return None
