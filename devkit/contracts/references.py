"""JSON documents with internal references, and incompatible changes between two documents."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final

JsonObject = Mapping[str, Any]
_LITERALS: Final = frozenset({"example", "examples", "default", "enum", "const"})
"""Keywords whose values are data, in which nothing is a reference."""


class UnknownReferenceError(ValueError):
    """A document refers to a part that it does not have."""


@dataclass(frozen=True, slots=True, order=True)
class Change:
    """An incompatible change: where it is, as the changelog names it, and what changed."""

    place: str
    text: str

    def __str__(self) -> str:
        return f"`{self.place}` {self.text}"


class Document:
    """A JSON document whose references lead into itself."""

    def __init__(self, name: str, content: JsonObject) -> None:
        self.name = name
        self.content = content

    def resolve(self, part: JsonObject) -> JsonObject:
        """Return the part that a reference leads to; raises UnknownReferenceError."""
        while "$ref" in part:
            part = self._target(part["$ref"])
        return part

    def check_references(self) -> None:
        """Raise UnknownReferenceError for the first reference that leads nowhere."""
        for reference in _references(self.content):
            self._target(reference)

    def _target(self, reference: str) -> JsonObject:
        found: Any = self.content
        head, *names = reference.split("/")
        for name in names:
            found = found.get(_unescaped(name)) if isinstance(found, Mapping) else None
        if head != "#" or not isinstance(found, Mapping):
            raise UnknownReferenceError(f"{self.name}: {reference} leads nowhere")
        return found


def name_of(part: JsonObject) -> str | None:
    """Return the name of the type that a reference leads to; None for another schema."""
    reference = part.get("$ref")
    return str(reference).rsplit("/", 1)[-1] if reference else None


def _references(part: Any) -> Iterator[str]:
    if isinstance(part, Mapping):
        if isinstance(part.get("$ref"), str):
            yield part["$ref"]
        for name, value in part.items():
            if name not in _LITERALS or isinstance(value, Mapping):
                yield from _references(value)
    elif isinstance(part, list):
        for value in part:
            yield from _references(value)


def _unescaped(name: str) -> str:
    return name.replace("~1", "/").replace("~0", "~")
