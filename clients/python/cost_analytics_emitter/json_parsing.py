"""Reads JSON with exact numbers."""

from __future__ import annotations

import json
from decimal import Decimal
from typing import Any


def parse_json(text: str | bytes) -> Any:
    """Return the value of a JSON text; fractions are Decimal. Raises ValueError."""
    try:
        return json.loads(text, parse_float=Decimal, parse_constant=_refuse_constant)
    except (RecursionError, ArithmeticError) as error:  # nested too deeply, or an absurd exponent
        raise ValueError(f"it is not JSON that can be read: {error}") from None


def _refuse_constant(name: str) -> None:
    raise ValueError(f"{name} is not JSON")


def json_object(value: Any) -> dict[str, Any]:
    """Return a JSON object, decoded if it is bytes; empty for anything else."""
    if isinstance(value, bytes):
        try:
            value = parse_json(value)
        except ValueError:
            return {}
    return value if isinstance(value, dict) else {}
