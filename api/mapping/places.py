"""Places in a document: `/usage/tokens` from its root, `./tokens` from an element of `each`."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final, NamedTuple

from api.mapping.errors import MappingError
from schemas.pointers import PointerError, value_at

ROOT: Final = "/"
ELEMENT: Final = "./"


class PointerScope(NamedTuple):
    """What pointers point into: the document, and the element of `each` if there is one."""

    document: Any
    element: Any = None


@dataclass(frozen=True, slots=True)
class Place:
    """A pointer as the mapping states it."""

    pointer: str

    def find(self, scope: PointerScope) -> Any:
        """Return the value, None if it is missing, null or an empty text."""
        of_element = self.pointer.startswith(ELEMENT)
        start, pointer = (
            (scope.element, self.pointer[1:]) if of_element else (scope.document, self.pointer)
        )
        try:
            value = value_at(start, pointer)
        except PointerError:
            return None
        return None if value == "" else value


def is_pointer(raw: object) -> bool:
    """Return whether a value of a mapping is a pointer and no constant."""
    return isinstance(raw, str) and raw.startswith((ROOT, ELEMENT))


def first_value(places: tuple[Place, ...], scope: PointerScope) -> tuple[Place, Any] | None:
    """Return the first place that has a value, and the value."""
    for place in places:
        if (found := place.find(scope)) is not None:
            return place, found
    return None


def read_places(raw: object, where: str, *, has_elements: bool) -> tuple[Place, ...]:
    """Return the places of a pointer or of a list of pointers; raises MappingError."""
    pointers = raw if isinstance(raw, list) else [raw]
    if not pointers:
        raise MappingError(f"{where} is an empty list of pointers.")
    return tuple(_place(pointer, where, has_elements=has_elements) for pointer in pointers)


def _place(raw: object, where: str, *, has_elements: bool) -> Place:
    if not isinstance(raw, str) or not is_pointer(raw):
        raise MappingError(f"{where} must be a JSON pointer such as /usage/tokens, not {raw!r}.")
    if raw.startswith(ELEMENT) and not has_elements:
        raise MappingError(f"{where}: {raw} points into an element, but the rule has no `each`.")
    return Place(raw)
