"""Finds incompatible changes between two JSON Schemas.

What clients send must stay accepted: the new schema accepts all that the old one did. What clients
read must stay readable: the new schema allows nothing that the old one did not, except additional
fields and additional values of an enum, which clients must ignore.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any, Final, Literal

from devkit.contracts.references import Change, Document, JsonObject, name_of

ValueDirection = Literal["received", "sent"]
"""What the product does with a value."""

_LOWER: Final = ("minimum", "exclusiveMinimum", "minLength", "minItems", "minProperties")
_UPPER: Final = ("maximum", "exclusiveMaximum", "maxLength", "maxItems", "maxProperties")
_EXACT: Final = ("pattern", "propertyNames", "multipleOf", "uniqueItems")
_WIDER: Final[Mapping[str, str]] = {"integer": "number"}
"""The type that contains all values of another one."""


class SchemaComparison:
    """Compares schemas of two documents; each pair of named types once in each direction."""

    def __init__(self, old: Document, new: Document) -> None:
        self._old = old
        self._new = new
        self._compared: set[tuple[str, str, ValueDirection]] = set()

    def changes(
        self, old: JsonObject, new: JsonObject, place: str, direction: ValueDirection
    ) -> Iterator[Change]:
        """Yield the incompatible changes; the places in a named type begin with its name."""
        old_name, new_name = name_of(old), name_of(new)
        if old_name:
            pair = (old_name, new_name or place, direction)
            if pair in self._compared:
                return
            self._compared.add(pair)
            place = old_name
        before, after = _alternatives(old, self._old), _alternatives(new, self._new)
        if len(before) == len(after) == 1:
            yield from self._values(before[0], after[0], place, direction)
            return
        yield from self._unions(before, after, place, direction)
        if direction == "received":
            yield from _default_changes(self._old.resolve(old), self._new.resolve(new), place)

    def _unions(
        self,
        before: list[JsonObject],
        after: list[JsonObject],
        place: str,
        direction: ValueDirection,
    ) -> Iterator[Change]:
        """Compare each old alternative of input, or each new one of output, with its partner."""
        is_input = direction == "received"
        for one in before if is_input else after:
            others = after if is_input else before
            partner = _partner(one, others, self._kind(is_input), self._kind(not is_input))
            if partner is None:
                kind = self._kind(is_input)(one)
                yield Change(
                    place, f"no longer accepts {kind}" if is_input else f"may now be {kind}"
                )
            elif is_input:
                yield from self.changes(one, partner, place, direction)
            else:
                yield from self.changes(partner, one, place, direction)

    def _kind(self, is_old: bool) -> Callable[[JsonObject], str]:
        document = self._old if is_old else self._new
        return lambda one: name_of(one) or str(document.resolve(one).get("type", "any value"))

    def _values(
        self, old: JsonObject, new: JsonObject, place: str, direction: ValueDirection
    ) -> Iterator[Change]:
        """Compare two schemas without alternatives."""
        before, after = self._old.resolve(old), self._new.resolve(new)
        kinds = before.get("type"), after.get("type")
        if kinds[0] != kinds[1] and not _is_wider(*kinds, direction):
            yield Change(place, f"changed its type from {kinds[0] or 'any'} to {kinds[1] or 'any'}")
            return
        yield from _choice_changes(before, after, place, direction)
        yield from _format_changes(before, after, place, direction)
        if direction == "received":
            yield from _bound_changes(before, after, place)
            yield from _default_changes(before, after, place)
            yield from _form_changes(before, after, place)
        yield from self._fields(before, after, place, direction)
        yield from self._parts(before, after, place, direction)

    def _fields(
        self, before: JsonObject, after: JsonObject, place: str, direction: ValueDirection
    ) -> Iterator[Change]:
        old, new = before.get("properties", {}), after.get("properties", {})
        needed_before, needed_after = before.get("required", ()), after.get("required", ())
        for name, schema in old.items():
            if name not in new:
                yield Change(f"{place}.{name}", "was removed")
            else:
                yield from self.changes(schema, new[name], f"{place}.{name}", direction)
        if direction == "received":
            for name in sorted(set(needed_after) - set(needed_before)):
                yield Change(f"{place}.{name}", "is required now")
        else:
            for name in sorted((set(needed_before) - set(needed_after)) & new.keys()):
                yield Change(f"{place}.{name}", "may be absent now")

    def _parts(
        self, before: JsonObject, after: JsonObject, place: str, direction: ValueDirection
    ) -> Iterator[Change]:
        """Compare the items of lists and the values of maps."""
        for keyword, mark in (("items", "[]"), ("additionalProperties", ".*")):
            old, new = before.get(keyword, True), after.get(keyword, True)
            if isinstance(old, Mapping) and isinstance(new, Mapping):
                yield from self.changes(old, new, place + mark, direction)
            elif direction == "received" and old is not False and new is False:
                yield Change(place, "refuses other fields now")
            elif isinstance(old, Mapping) and direction == "sent":
                yield Change(place + mark, "may be anything now")
            elif isinstance(new, Mapping) and direction == "received":
                yield Change(place + mark, "is restricted now")


def _alternatives(part: JsonObject, document: Document) -> list[JsonObject]:
    """Return the alternatives of a schema: of `anyOf`, and one for each of several types."""
    whole = document.resolve(part)
    if "anyOf" in whole:
        return [one for choice in whole["anyOf"] for one in _alternatives(choice, document)]
    if isinstance(whole.get("type"), list):
        return [{**whole, "type": kind} for kind in whole["type"]]
    return [part]


def _partner(
    one: JsonObject,
    others: list[JsonObject],
    kind_of_one: Callable[[JsonObject], str],
    kind_of_other: Callable[[JsonObject], str],
) -> JsonObject | None:
    """Return the alternative of the same type, preferably one that is the same."""
    found = [other for other in others if kind_of_other(other) == kind_of_one(one)]
    return next((other for other in found if other == one), found[0] if found else None)


def _is_wider(old: Any, new: Any, direction: ValueDirection) -> bool:
    """Return whether a change of type only accepts more input, or sends less output."""
    if direction == "received":
        return new is None or _WIDER.get(str(old)) == new
    return old is None or _WIDER.get(str(new)) == old


def _choices(schema: JsonObject) -> list[Any] | None:
    return [schema["const"]] if "const" in schema else schema.get("enum")


def _choice_changes(
    before: JsonObject, after: JsonObject, place: str, direction: ValueDirection
) -> Iterator[Change]:
    old, new = _choices(before), _choices(after)
    if old is None and (new is None or direction == "sent"):
        return
    if old is None:
        yield Change(place, f"accepts only {_list_text(new)} now")
    elif new is None:
        if direction == "sent":
            yield Change(place, f"may be any value now, not only {_list_text(old)}")
    elif direction == "received" or len(old) == 1:
        # A single value of output distinguishes types from each other.
        removed = [value for value in old if value not in new]
        added = [value for value in new if value not in old]
        if removed:
            yield Change(place, f"no longer has the value {_list_text(removed)}")
        elif direction == "sent" and added:
            yield Change(place, f"is no longer always {_list_text(old)}")


def _list_text(values: Any) -> str:
    return ", ".join(map(repr, values))


def _format_changes(
    before: JsonObject, after: JsonObject, place: str, direction: ValueDirection
) -> Iterator[Change]:
    old, new = before.get("format"), after.get("format")
    relevant = new if direction == "received" else old
    if old != new and relevant is not None:
        yield Change(place, f"changed its format from {old or 'any'} to {new or 'any'}")


def _bound_changes(before: JsonObject, after: JsonObject, place: str) -> Iterator[Change]:
    """Yield narrower bounds of input, and other restrictions that changed."""
    for keyword in (*_LOWER, *_UPPER):
        new, old = after.get(keyword), before.get(keyword)
        if new is None or new == old or (old is None and keyword in _LOWER and new == 0):
            continue
        if old is None or (new > old if keyword in _LOWER else new < old):
            yield Change(
                place, f"has {keyword} {new} now" + ("" if old is None else f", not {old}")
            )
    for keyword in _EXACT:
        if keyword in after and after[keyword] != before.get(keyword):
            yield Change(place, f"has another {keyword} now")


def _form_changes(before: JsonObject, after: JsonObject, place: str) -> Iterator[Change]:
    """Yield forms of input of which exactly one is allowed, and which changed."""
    if "oneOf" not in after:
        return
    if "oneOf" not in before:
        yield Change(place, "accepts only certain forms now")
    elif any(form not in after["oneOf"] for form in before["oneOf"]):
        yield Change(place, "no longer accepts one of its forms")


def _default_changes(before: JsonObject, after: JsonObject, place: str) -> Iterator[Change]:
    if "default" in before and "default" in after and before["default"] != after["default"]:
        yield Change(
            place, f"changed its default from {before['default']!r} to {after['default']!r}"
        )
