"""One rule: which documents match, and the event that each becomes."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any, Final, NamedTuple

from api.mapping.errors import DocumentError
from api.mapping.places import Place, PointerScope
from api.mapping.values import FieldValue

ELEMENTS_MAX: Final = 200
"""The maximum number of elements of `each` in a document."""


class MappedEvent(NamedTuple):
    """An event of a document: `key` distinguishes it from others of the same document.

    `id` is None if the rule has none. `origins` are the pointers of its fields, for messages.
    """

    key: str
    type: str
    id: str | None
    time: datetime
    data: Mapping[str, Any]
    origins: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Condition:
    """A place and the values that it must have, or must not have if it `is_negative`.

    `present` asks only whether there is a value.
    """

    place: Place
    wanted: tuple[Any, ...] = ()
    is_negative: bool = False
    present: bool | None = None

    def holds(self, scope: PointerScope) -> bool:
        found = self.place.find(scope)
        if self.present is not None:
            return (found is not None) == self.present
        return any(_is_same(found, value) for value in self.wanted) != self.is_negative


@dataclass(frozen=True, slots=True, kw_only=True)
class Rule:
    """A rule of a mapping; `fields` by name, `tables` by name and key.

    With `shares_id`, the document has one id for the events of several rules.
    """

    name: str
    type: str
    conditions: tuple[Condition, ...]
    each: Place | None
    id: FieldValue | None
    shares_id: bool
    time: FieldValue
    fields: Mapping[str, FieldValue]
    tables: Mapping[str, Mapping[str, FieldValue]]
    required: frozenset[str]

    def events(self, document: Any) -> Iterator[MappedEvent]:
        """Yield the events of a document, none if it does not match; raises DocumentError."""
        for key, scope in self._scopes(document):
            if all(condition.holds(scope) for condition in self.conditions):
                yield self._event(key, scope)

    def _scopes(self, document: Any) -> list[tuple[str, PointerScope]]:
        if self.each is None:
            return [(self.name, PointerScope(document))]
        elements = self.each.find(PointerScope(document))
        if elements is None:
            return []
        if not isinstance(elements, list):
            raise DocumentError(
                f"{self.each.pointer} is not a list, as `each` of {self.name} needs."
            )
        if len(elements) > ELEMENTS_MAX:
            raise DocumentError(
                f"{self.each.pointer} has {len(elements)} elements; {ELEMENTS_MAX} are allowed."
            )
        return [
            (f"{self.name}/{index}", PointerScope(document, element))
            for index, element in enumerate(elements)
        ]

    def _event(self, key: str, scope: PointerScope) -> MappedEvent:
        time = self.time.read(scope)
        if time is None:
            raise DocumentError(f"{self.time.origin} is missing: `time` of {self.name}.")
        event_id = None if self.id is None else self.id.read(scope)
        if self.id is not None and event_id is None:
            raise DocumentError(f"{self.id.origin} is missing: `id` of {self.name}.")
        if event_id is not None and self.shares_id:
            event_id = f"{event_id}/{key}"
        return MappedEvent(key, self.type, event_id, time, self._data(scope), self._origins())

    def _data(self, scope: PointerScope) -> dict[str, Any]:
        data: dict[str, Any] = {}
        for name, value in self.fields.items():
            found = value.read(scope)
            if found is not None:
                data[name] = found
            elif name in self.required:
                raise DocumentError(f"{value.origin} is missing: `{name}` of {self.name}.")
        for name, table in self.tables.items():
            rows = {key: value.read(scope) for key, value in table.items()}
            found_rows = {key: found for key, found in rows.items() if found is not None}
            if name == "usages":
                data[name] = _usages(found_rows, table, self.name)
            elif found_rows:
                data[name] = found_rows
        return data

    def _origins(self) -> dict[str, str]:
        origins = {name: value.origin for name, value in self.fields.items()}
        for name, table in self.tables.items():
            origins |= {f"{name}.{key}": value.origin for key, value in table.items()}
        own = {} if self.id is None else {"id": self.id.origin}
        return origins | own | {"time": self.time.origin}


def _usages(
    found: Mapping[str, Any], table: Mapping[str, FieldValue], rule_name: str
) -> list[dict[str, Any]]:
    """Return the quantities above zero, or a single quantity of zero if all are zero."""
    if not found:
        places = " and ".join(value.origin for value in table.values())
        raise DocumentError(f"{places} are missing: `usages` of {rule_name}.")
    above = {unit: quantity for unit, quantity in found.items() if quantity}
    rows = above or dict([next(iter(found.items()))])
    return [{"unit": unit, "quantity": quantity} for unit, quantity in rows.items()]


def _is_same(found: Any, wanted: Any) -> bool:
    """Return whether two JSON values are the same; `true` is not 1."""
    if isinstance(found, bool) or isinstance(wanted, bool):
        return found is wanted
    if isinstance(found, int | Decimal | str) and isinstance(wanted, int | Decimal | str):
        return bool(found == wanted)
    return False
