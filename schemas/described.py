"""Describes types as JSON Schema, as they appear in JSON.

An exact number is a JSON number (emitters may also send it as text), raw JSON is an object. The
bounds are those that `schemas.cloudevents` and the API check. What JSON Schema cannot express (the
size of the metadata, the range of `time`) is only checked there.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from datetime import datetime
from decimal import Decimal
from functools import cache, reduce
from inspect import cleandoc
from operator import or_
from types import UnionType
from typing import Annotated, Any, Final, NamedTuple, Union, get_args, get_origin

import msgspec
from msgspec import NODEFAULT, Meta, Raw, Struct

from schemas.bounds import MAX_AMOUNT_USD, MAX_DURATION_SECONDS, MAX_USAGE
from schemas.budgets import MAX_LIMIT_USD, MAX_THRESHOLD_PERCENT
from schemas.charge_plans import AMOUNT_USD_MAX, MARKUP_PERCENT_MAX
from schemas.exact import Exact
from schemas.money import Usd
from schemas.numbers import UNSIGNED_PATTERN, Number
from schemas.prices import PRICE_USD_MAX
from schemas.reservations import RESERVED_SECONDS_MAX

MAXIMA: Final[Mapping[str, int]] = {
    "usage": MAX_USAGE,
    "usageAmount": MAX_USAGE,
    "quantity": MAX_USAGE,
    "unitCost": MAX_AMOUNT_USD,
    "totalCost": MAX_AMOUNT_USD,
    "amount": MAX_AMOUNT_USD,
    "fee": MAX_AMOUNT_USD,
    "duration_seconds": MAX_DURATION_SECONDS,
    "expectedDuration_seconds": MAX_DURATION_SECONDS,
    "dailyLimit_usd": MAX_LIMIT_USD,
    "monthlyLimit_usd": MAX_LIMIT_USD,
    "maxCostPerCall_usd": MAX_LIMIT_USD,
    "limit_usd": MAX_LIMIT_USD,
    "estimatedCost": MAX_LIMIT_USD,
    "lowBalance_usd": MAX_LIMIT_USD,
    "price_usd": PRICE_USD_MAX,
    "lasts_seconds": RESERVED_SECONDS_MAX,
    "amount_usd": AMOUNT_USD_MAX,
    "markup_percent": MARKUP_PERCENT_MAX,
    "alertThreshold_percent": 100,
    "thresholds": MAX_THRESHOLD_PERCENT,
    "warnAt_percent": 100,
    "downgradeAt_percent": 100,
}
"""The maximum of each number that a client or an emitter sends; the minimum is 0."""
ABOVE_ZERO: Final = frozenset(
    {"alertThreshold_percent", "thresholds", "warnAt_percent", "downgradeAt_percent"}
)
"""Fields that must be above 0."""

_ABSENT: Final = {"type": "null"}
ALTERNATIVES: Final[Mapping[str, list[dict[str, Any]]]] = {
    name: [
        {
            "properties": {quantity: {"type": ["number", "string"]}, unit: {"type": "string"},
                           "usages": _ABSENT},
            "required": [quantity, unit],
        },
        {
            "properties": {quantity: _ABSENT, unit: _ABSENT, "unitCost": _ABSENT,
                           "usages": {"type": "array"}},
            "required": ["usages"],
        },
    ]
    for name, quantity, unit in (
        ("CostRecorded", "usage", "unit"),
        ("Track", "usageAmount", "usageUnit"),
    )
}  # fmt: skip
"""Types with two forms, of which exactly one is allowed: one usage, or several of one request."""

_FIELD_NAME: Final = re.compile(r"`(\w+)`")


class _Number:
    """A number in a response: exact, and never text."""

    schema: Mapping[str, Any] = {"type": "number"}


class _Object:
    """JSON that is passed on unchanged."""

    schema: Mapping[str, Any] = {"type": ["object", "null"]}


def _received_number(field: str) -> type:
    """Return the stand-in for a number in a request's field; the bounds apply to numbers."""
    lower = "exclusiveMinimum" if field in ABOVE_ZERO else "minimum"
    bounds = {lower: 0, "maximum": MAXIMA[field], "pattern": rf"^\+?{UNSIGNED_PATTERN}$"}
    return type("_ReceivedNumber", (), {"schema": {"type": ["number", "string"], **bounds}})


_STAND_INS: Final[Mapping[Any, Any]] = {
    Decimal: _Number,
    Number: _Number,
    Usd: _Number,
    Exact: _Number,
    Raw: _Object,
    datetime: Annotated[datetime, Meta(tz=True)],
}


class DescribedType(NamedTuple):
    """A type, and whether it is received or sent: received fields with a default are optional."""

    kind: Any
    incoming: bool


def describe_types(
    types: Sequence[DescribedType], template: str
) -> tuple[list[dict[str, Any]], dict[str, Any]]:
    """Return the schema of each type, and the schemas that these refer to by name.

    `template` is the reference to a named schema, with `{name}` for its name.
    """
    shown = [_stand_in(kind, "", incoming) for kind, incoming in types]
    schemas, parts = msgspec.json.schema_components(
        shown, schema_hook=lambda one: dict(vars(one)["schema"]), ref_template=template
    )
    for name in parts.keys() & ALTERNATIVES.keys():
        parts[name]["oneOf"] = ALTERNATIVES[name]
    return list(schemas), parts


def _stand_in(kind: Any, field: str, incoming: bool) -> Any:
    """Return a type for msgspec to describe: what `kind` looks like in JSON."""
    if kind is Number and incoming:
        return _received_number(field)
    if kind in _STAND_INS:
        return _STAND_INS[kind]
    origin, parts = get_origin(kind), get_args(kind)
    if origin in {Union, UnionType}:
        return reduce(or_, (_stand_in(part, field, incoming) for part in parts))
    if origin is Annotated and get_origin(parts[0]) is list:
        return Annotated[(_stand_in(parts[0], field, incoming), *parts[1:])]
    if origin in {list, dict}:
        return origin[tuple(_stand_in(part, field, incoming) for part in parts)]
    if isinstance(origin or kind, type) and issubclass(origin or kind, Struct):
        return _schema_struct(kind, incoming)
    return kind


@cache
def _schema_struct(kind: Any, incoming: bool) -> type[Struct]:
    """Return a struct with the stand-ins of `kind`'s fields, the same one for equal arguments.

    Sent structs contain all their fields, with a default or without, except if the type omits
    defaults.
    """
    fields = _fields(kind, incoming)
    if incoming and fields == _fields(kind, False):
        return _schema_struct(kind, False)
    original = get_origin(kind) or kind
    config = original.__struct_config__
    names = {field.name: field.encode_name for field in msgspec.structs.fields(kind)}
    return msgspec.defstruct(
        # The name of a body in an envelope: `CallCostSuccess`.
        "".join(part.__name__.strip("_") for part in (*get_args(kind), original)),
        fields,
        kw_only=True,
        tag_field=config.tag_field,
        tag=config.tag,
        forbid_unknown_fields=config.forbid_unknown_fields,
        rename=names,
        namespace={"__doc__": _description(original, names)},
    )


def _fields(kind: Any, incoming: bool) -> list[tuple[str, Any] | tuple[str, Any, Any]]:
    """Return the name, stand-in type and default of each field."""
    omits_defaults = (get_origin(kind) or kind).__struct_config__.omit_defaults
    fields: list[tuple[str, Any] | tuple[str, Any, Any]] = []
    for field in msgspec.structs.fields(kind):
        described = _stand_in(field.type, field.encode_name, incoming)
        if field.name == "success":
            described = Annotated[bool, Meta(extra_json_schema={"const": field.default})]
        default = None if isinstance(field.default, Raw) else field.default
        if field.default_factory is not NODEFAULT:
            default = msgspec.field(default_factory=field.default_factory)
        optional = not field.required and (incoming or omits_defaults)
        fields.append((field.name, described, default) if optional else (field.name, described))
    return fields


def _description(original: Any, names: Mapping[str, str]) -> str:
    """Return the docstring of a type, with its fields by their JSON names."""
    text = cleandoc(original.__doc__ or "")
    return _FIELD_NAME.sub(lambda match: f"`{names.get(match[1], match[1])}`", text)
