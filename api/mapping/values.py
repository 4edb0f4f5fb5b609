"""The value of a field: a constant, or a place in the document and its conversion."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Any, Final, Literal

from api.mapping.conversions import (
    FORMATS,
    as_any,
    as_flag,
    as_number,
    as_text,
    move_point,
    read_offset,
    show,
    subtract,
    time_reader,
)
from api.mapping.errors import DocumentError, MappingError
from api.mapping.places import Place, PointerScope, first_value, is_pointer, read_places

FieldKind = Literal["text", "number", "flag", "time", "any"]

DECIMALS_MAX: Final = 12
_KEYS_OF_ALL: Final = frozenset({"at", "values", "default"})
_KEYS: Final[Mapping[FieldKind, frozenset[str]]] = {
    "text": _KEYS_OF_ALL | {"join"},
    "number": _KEYS_OF_ALL | {"decimals", "minus"},
    "flag": _KEYS_OF_ALL,
    "time": frozenset({"at", "format", "offset"}),
    "any": _KEYS_OF_ALL,
}
_CONVERSIONS: Final[Mapping[FieldKind, Callable[[Any, str], Any]]] = {
    "text": as_text,
    "number": as_number,
    "flag": as_flag,
    "any": as_any,
}
_SEPARATOR: Final = "/"


@dataclass(frozen=True, slots=True, kw_only=True)
class FieldValue:
    """How a field is read. The first place that has a value counts; `origin` names all of them."""

    origin: str
    convert: Callable[[Any, str], Any]
    places: tuple[Place, ...] = ()
    minus: tuple[tuple[Place, ...], ...] = ()
    """Parts to subtract: of each, the first place that has a value."""
    decimals: int = 0
    translations: Mapping[str, Any] | None = None
    default: Any = None
    is_joined: bool = False

    def read(self, scope: PointerScope) -> Any:
        """Return the converted value; raises DocumentError.

        If no place has a value, this is the default, which is also how a constant is stored.
        """
        if self.is_joined:
            return self._read_joined(scope)
        found = first_value(self.places, scope)
        if found is None:
            return self.default
        return self._convert(found[1], found[0].pointer, scope)

    def _read_joined(self, scope: PointerScope) -> Any:
        """Return the joined texts of all places; the default if one is missing."""
        found = [(place, place.find(scope)) for place in self.places]
        if any(value is None for _, value in found):
            return self.default
        text = _SEPARATOR.join(as_text(value, place.pointer) for place, value in found)
        return text if self.translations is None else self._translate(text, self.origin)

    def _convert(self, found: Any, pointer: str, scope: PointerScope) -> Any:
        if self.translations is not None:
            return self._translate(found, pointer)
        value = self.convert(found, pointer)
        if self.minus:
            found_parts = [first_value(places, scope) for places in self.minus]
            parts = [(place, part) for place, part in filter(None, found_parts)]
            numbers = [as_number(part, place.pointer) for place, part in parts]
            minus = " and ".join(place.pointer for place, _ in parts)
            value = subtract(value, numbers, f"{pointer} minus {minus}") if parts else value
        return move_point(value, self.decimals) if self.decimals else value

    def _translate(self, found: Any, pointer: str) -> Any:
        translations = self.translations or {}
        key = str(found).lower() if isinstance(found, bool) else str(found)
        if isinstance(found, str | int | Decimal) and key in translations:
            return translations[key]
        if self.default is None:
            raise DocumentError(f"{pointer} is {show(found)}, which `values` does not translate.")
        return self.default


def read_value(raw: object, kind: FieldKind, where: str, *, has_elements: bool) -> FieldValue:
    """Return the value that a mapping describes; raises MappingError."""
    if is_pointer(raw):
        raw = {"at": raw}
    if not isinstance(raw, dict):
        return _constant(raw, kind, where)
    if "const" in raw:
        _refuse_unknown(raw, frozenset({"const"}), where)
        return _constant(raw["const"], kind, where)
    _refuse_unknown(raw, _KEYS[kind], where)
    if ("at" in raw) == ("join" in raw):
        raise MappingError(
            f"{where} must be a pointer, a constant, or an object with either `at` or `join`."
        )
    places = read_places(raw.get("at", raw.get("join")), where, has_elements=has_elements)
    parts = _parts(raw, where, has_elements=has_elements)
    return FieldValue(
        origin=" minus ".join(_names(alternatives) for alternatives in (places, *parts)),
        convert=_conversion(raw, kind, where),
        places=places,
        minus=parts,
        decimals=_decimals(raw, where),
        translations=_translations(raw, kind, where),
        default=_default(raw, kind, where),
        is_joined="join" in raw,
    )


def _constant(raw: object, kind: FieldKind, where: str) -> FieldValue:
    if kind == "time":
        raise MappingError(f"{where} must be a pointer: a time cannot be a constant.")
    return FieldValue(
        origin="a constant of the mapping",
        convert=_CONVERSIONS[kind],
        default=_check_constant(raw, kind, where),
    )


def _check_constant(raw: object, kind: FieldKind, where: str) -> Any:
    if raw is None or raw == "":
        raise MappingError(f"{where} is empty.")
    try:
        return _CONVERSIONS[kind](raw, where)
    except DocumentError as error:
        raise MappingError(str(error)) from None


def _conversion(raw: dict[str, Any], kind: FieldKind, where: str) -> Callable[[Any, str], Any]:
    if kind != "time":
        return _CONVERSIONS[kind]
    form, offset = raw.get("format", FORMATS[0]), raw.get("offset")
    if form not in FORMATS:
        raise MappingError(f"{where}.format must be one of {', '.join(FORMATS)}, not {form!r}.")
    zone = None
    if offset is not None and (zone := read_offset(str(offset))) is None:
        raise MappingError(f"{where}.offset must be Z or like +02:00, not {offset!r}.")
    return time_reader(form, zone)


def _names(alternatives: tuple[Place, ...]) -> str:
    return " or ".join(place.pointer for place in alternatives)


def _parts(raw: dict[str, Any], where: str, *, has_elements: bool) -> tuple[tuple[Place, ...], ...]:
    minus = raw.get("minus", [])
    parts = minus if isinstance(minus, list) else [minus]
    return tuple(read_places(part, f"{where}.minus", has_elements=has_elements) for part in parts)


def _decimals(raw: dict[str, Any], where: str) -> int:
    decimals = raw.get("decimals", 0)
    if type(decimals) is not int or not 0 <= decimals <= DECIMALS_MAX:
        raise MappingError(
            f"{where}.decimals must be 0 to {DECIMALS_MAX}, such as 2 for cents, not {decimals!r}."
        )
    return decimals


def _translations(raw: dict[str, Any], kind: FieldKind, where: str) -> Mapping[str, Any] | None:
    values = raw.get("values")
    if values is None:
        return None
    if not isinstance(values, dict) or not values:
        raise MappingError(f"{where}.values must be a table of found and sent values.")
    if raw.keys() & {"decimals", "minus"}:
        raise MappingError(f"{where}.values takes the place of `decimals` and `minus`.")
    return {
        name: _check_constant(value, kind, f"{where}.values.{name}")
        for name, value in values.items()
    }


def _default(raw: dict[str, Any], kind: FieldKind, where: str) -> Any:
    return _check_constant(raw["default"], kind, f"{where}.default") if "default" in raw else None


def _refuse_unknown(raw: dict[str, Any], known: frozenset[str], where: str) -> None:
    for name in raw:
        if name not in known:
            keys = ", ".join(sorted(known))
            raise MappingError(f"{where}.{name} is unknown; known here: {keys}.")
