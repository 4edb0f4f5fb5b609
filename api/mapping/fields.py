"""The fields of each event type, as mappings may set them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from msgspec.structs import fields

from api.mapping.values import FieldKind
from schemas.events import CALL_DATA_TYPES, EventReference, PriceContext

_NUMBERS: Final = frozenset(
    {"usage", "unitCost", "totalCost", "amount", "fee", "duration_seconds"}
    | {"expectedDuration_seconds", "inputSize"}
)
_FLAGS: Final = frozenset({"estimated"})

TABLES: Final[Mapping[str, FieldKind]] = {
    "usages": "number",
    "metadata": "any",
    "tags": "text",
    "priceContext": "text",
    "voids": "text",
}
"""The fields that have fields of their own, and the kind of the inner fields."""

KEYS_OF_TABLES: Final[Mapping[str, frozenset[str]]] = {
    "priceContext": frozenset(field.encode_name for field in fields(PriceContext)),
    "voids": frozenset(field.encode_name for field in fields(EventReference)),
}
"""The keys of tables that do not have keys of any name."""

FIELDS: Final[Mapping[str, frozenset[str]]] = {
    name: frozenset(field.encode_name for field in fields(kind))
    for name, kind in CALL_DATA_TYPES.items()
}
REQUIRED: Final[Mapping[str, frozenset[str]]] = {
    name: frozenset(field.encode_name for field in fields(kind) if field.required)
    for name, kind in CALL_DATA_TYPES.items()
}


def kind_of(name: str) -> FieldKind:
    """Return the kind of a field that is not a table."""
    if name in _NUMBERS:
        return "number"
    return "flag" if name in _FLAGS else "text"
