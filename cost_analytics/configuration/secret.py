"""A value that must never be seen: it prints as stars wherever it is printed or logged."""

from __future__ import annotations

from typing import Final

_SHOWN: Final = "Secret(***)"


class Secret:
    """A password, key or address with a password in it. Only `reveal()` gives the text."""

    __slots__ = ("_text",)

    def __init__(self, text: str) -> None:
        self._text = text

    def reveal(self) -> str:
        """Return the secret itself, for the one call that needs it."""
        return self._text

    def __bool__(self) -> bool:
        return bool(self._text)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Secret) and other._text == self._text

    def __hash__(self) -> int:
        return hash(self._text)

    def __repr__(self) -> str:
        return _SHOWN

    def __format__(self, spec: str) -> str:
        return format(_SHOWN, spec)

    def __reduce__(self) -> str | tuple[object, ...]:
        raise TypeError("a secret is not to be written anywhere")
