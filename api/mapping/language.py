"""Reads mappings: TOML or JSON, checked completely before the first document.

source = "/bots/orders"           # the service; with an id it is an event's identity

[all]                             # fields of every event
time = { at = "/ts", format = "unix_ms" }
callId = "/call"
userId = "/user"

[[event]]
type = "cost.recorded"
when = { "/event" = "llm" }       # all must hold; a list allows several values
service = "openai"                # a constant; a pointer begins with /
operation = "inference"
model = "/model"
usages.input_tokens = { at = "/prompt_tokens", minus = "/cached_tokens" }
usages.cached_input_tokens = "/cached_tokens"
totalCost = { at = "/cost_micros", decimals = 6 }
"""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Any, Final

import msgspec

from api.mapping.errors import DocumentError, MappingError
from api.mapping.fields import FIELDS, KEYS_OF_TABLES, REQUIRED, TABLES, kind_of
from api.mapping.places import Place, read_places
from api.mapping.rules import Condition, MappedEvent, Rule
from api.mapping.values import FieldKind, FieldValue, read_value
from schemas.jsonio import json_error

MAPPING_BYTES_MAX: Final = 64 * 1024
RULES_MAX: Final = 50
_NAME_MAX: Final = 200
_TOP: Final = frozenset({"source", "after", "all", "event"})
_OWN: Final = frozenset({"name", "type", "when", "each", "id", "time"})
_SHARED: Final = frozenset({"when", "id", "time"})

_json: Final = msgspec.json.Decoder(float_hook=Decimal)


@dataclass(frozen=True, slots=True)
class DocumentMapping:
    """The rules of a mapping. `after` is the text before the JSON of a line."""

    source: str | None
    after: str | None
    rules: tuple[Rule, ...]

    def events(self, document: Any) -> list[MappedEvent]:
        """Return the events of a document, none if no rule matches; raises DocumentError."""
        if not isinstance(document, dict):
            raise DocumentError("The document is not a JSON object.")
        return [event for rule in self.rules for event in rule.events(document)]


def mapping_from_text(text: str) -> DocumentMapping:
    """Return the mapping of a JSON or TOML text; raises MappingError."""
    return read_mapping(parse_text(text))


def parse_text(text: str) -> Any:
    """Return a JSON or TOML text, decoded and not yet checked; raises MappingError."""
    if len(text.encode()) > MAPPING_BYTES_MAX:
        raise MappingError(f"The mapping has more than {MAPPING_BYTES_MAX} bytes.")
    try:
        if text.lstrip().startswith("{"):
            return _json.decode(text)
        return tomllib.loads(text, parse_float=Decimal)
    except tomllib.TOMLDecodeError as error:
        raise MappingError(f"The mapping is not TOML: {error}.") from None
    except (msgspec.DecodeError, RecursionError) as error:
        raise MappingError(f"The mapping is not JSON: {json_error(error)}.") from None


def read_mapping(raw: object, *, needs_ids: bool = False) -> DocumentMapping:
    """Return the mapping of a decoded document; raises MappingError.

    With `needs_ids`, every event must have an `id`: then nothing else identifies a document.
    """
    top = _table(raw, "The mapping")
    _refuse_unknown(top, _TOP, "The mapping")
    shared = _table(top.get("all", {}), "all")
    rows = top.get("event")
    if not isinstance(rows, list) or not 0 < len(rows) <= RULES_MAX:
        raise MappingError(f"event must be 1 to {RULES_MAX} rules: [[event]].")
    rules = tuple(_rule(_table(row, f"event {n}"), shared, n) for n, row in enumerate(rows, 1))
    names = [rule.name for rule in rules]
    if twice := next((name for name in names if names.count(name) > 1), None):
        raise MappingError(f"Two events are named {twice}: give each its own `name`.")
    if needs_ids and (without := next((rule for rule in rules if rule.id is None), None)):
        raise MappingError(f"{without.name}.id is missing: a pointer to what identifies the event.")
    return DocumentMapping(_text(top, "source"), _text(top, "after"), rules)


def _rule(own: Mapping[str, Any], shared: Mapping[str, Any], number: int) -> Rule:
    event_type = own.get("type")
    if not isinstance(event_type, str) or event_type not in FIELDS:
        raise MappingError(
            f"event {number}.type must be one of {', '.join(FIELDS)}, not {event_type!r}."
        )
    name = _text(own, "name") or event_type
    # Fields of `all` that events of this type do not have apply to other types.
    raw = {key: value for key, value in shared.items() if key in FIELDS[event_type] | _SHARED}
    for key in shared:
        if key not in _SHARED and not any(key in known for known in FIELDS.values()):
            raise MappingError(f"all.{key} is not a field of any event.")
    for key, value in own.items():
        has_both = key in {*TABLES, "when"} and isinstance(value, dict)
        raw[key] = {**_table(raw.get(key, {}), f"all.{key}"), **value} if has_both else value
    _refuse_unknown(raw, FIELDS[event_type] | _OWN, name)
    each = _place(raw["each"], f"{name}.each", has_elements=False) if "each" in raw else None
    has_elements = each is not None
    if "time" not in raw:
        raise MappingError(f"{name}.time is missing: a pointer to when it happened.")
    fields, tables = _fields(raw, name, has_elements=has_elements)
    _require(event_type, name, fields.keys() | tables.keys())
    return Rule(
        name=name,
        type=event_type,
        conditions=_conditions(raw.get("when", {}), name, each),
        each=each,
        id=_value(raw, "id", "text", name, has_elements=has_elements),
        shares_id="id" not in own,
        time=read_value(raw["time"], "time", f"{name}.time", has_elements=has_elements),
        fields=fields,
        tables=tables,
        required=REQUIRED[event_type] | {"usage", "unit"},
    )


def _fields(
    raw: Mapping[str, Any], name: str, *, has_elements: bool
) -> tuple[dict[str, FieldValue], dict[str, dict[str, FieldValue]]]:
    fields: dict[str, FieldValue] = {}
    tables: dict[str, dict[str, FieldValue]] = {}
    for field, value in raw.items():
        where = f"{name}.{field}"
        if field in _OWN:
            continue
        if field not in TABLES:
            fields[field] = read_value(value, kind_of(field), where, has_elements=has_elements)
            continue
        rows = _table(value, where)
        _refuse_unknown(rows, KEYS_OF_TABLES.get(field, frozenset(rows)), where)
        tables[field] = {
            key: read_value(row, _kind(field, key), f"{where}.{key}", has_elements=has_elements)
            for key, row in rows.items()
        }
    return fields, tables


def _kind(table: str, key: str) -> FieldKind:
    return kind_of(key) if table == "priceContext" else TABLES[table]


def _require(event_type: str, name: str, given: set[str]) -> None:
    missing = REQUIRED[event_type] - given
    if event_type == "cost.recorded" and "usages" not in given:
        missing |= {"usage", "unit"} - given
    if missing:
        raise MappingError(f"{name} needs {', '.join(sorted(missing))}.")


def _conditions(raw: object, name: str, each: Place | None) -> tuple[Condition, ...]:
    return tuple(
        _condition(pointer, wanted, f"{name}.when", has_elements=each is not None)
        for pointer, wanted in _table(raw, f"{name}.when").items()
    )


def _condition(pointer: str, wanted: object, where: str, *, has_elements: bool) -> Condition:
    place = _place(pointer, where, has_elements=has_elements)
    is_negative = isinstance(wanted, dict) and wanted.keys() == {"not"}
    if isinstance(wanted, dict):
        present = wanted.get("present")
        if wanted.keys() == {"present"} and isinstance(present, bool):
            return Condition(place, present=present)
        if not is_negative:
            raise MappingError(f"{where}.{pointer} may have `not`, or `present`: true or false.")
        wanted = wanted["not"]
    values = tuple(wanted) if isinstance(wanted, list) else (wanted,)
    if not values or not all(isinstance(one, str | int | Decimal) for one in values):
        raise MappingError(f"{where}.{pointer} must be a value, or a list of values.")
    return Condition(place, values, is_negative)


def _place(raw: object, where: str, *, has_elements: bool) -> Place:
    return read_places([raw], where, has_elements=has_elements)[0]


def _value(
    raw: Mapping[str, Any], key: str, kind: FieldKind, name: str, *, has_elements: bool
) -> FieldValue | None:
    if key not in raw:
        return None
    return read_value(raw[key], kind, f"{name}.{key}", has_elements=has_elements)


def _text(raw: Mapping[str, Any], key: str) -> str | None:
    value = raw.get(key)
    if value is not None and (not isinstance(value, str) or not 0 < len(value) <= _NAME_MAX):
        raise MappingError(f"{key} must be a text of 1 to {_NAME_MAX} characters, not {value!r}.")
    return value


def _table(raw: object, where: str) -> Mapping[str, Any]:
    if not isinstance(raw, dict):
        raise MappingError(f"{where} must be a table.")
    return raw


def _refuse_unknown(raw: Mapping[str, Any], known: frozenset[str], where: str) -> None:
    for name in raw:
        if name not in known:
            raise MappingError(f"{where}: {name} is unknown; known: {', '.join(sorted(known))}.")
