"""JSON pointers (RFC 6901): where a value is in a decoded document."""

from __future__ import annotations

from typing import Any


class PointerError(LookupError):
    """A pointer is malformed, or leads to nothing; a sentence says which."""


def pointer_error(pointer: str) -> str | None:
    """Return what is wrong with the form of a pointer, None if it is well-formed."""
    if pointer and not pointer.startswith("/"):
        return f"{pointer} is not a JSON pointer: it begins with /"
    return None


def value_at(document: Any, pointer: str) -> Any:
    """Return the value at a pointer; raises PointerError."""
    if (flaw := pointer_error(pointer)) is not None:
        raise PointerError(flaw)
    value = document
    for token in pointer.split("/")[1:]:
        name = token.replace("~1", "/").replace("~0", "~")
        is_index = isinstance(value, list) and name.isascii() and name.isdigit()
        try:
            value = value[int(name[:9])] if is_index else value[name]
        except (KeyError, IndexError, TypeError):
            raise PointerError(f"there is nothing at {pointer}") from None
    return value
