"""Reads the counts of vendors' usage objects, and refuses what is not a count."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from typing import Any, Protocol, TypeAlias


class Model(Protocol):
    """An object of a vendor's library (pydantic)."""

    def model_dump(self, *, mode: str, by_alias: bool) -> dict[str, Any]:
        """Return the object as decoded JSON."""


VendorObject: TypeAlias = Mapping[str, Any]
Reported: TypeAlias = VendorObject | Model
Usages: TypeAlias = dict[str, int | Decimal]
"""The quantities of one request, by unit."""


class VendorUsageError(ValueError):
    """A usage object whose counts cannot be split; the message names the counts."""


def decode_usage(reported: Reported) -> VendorObject:
    """Return a usage object as decoded JSON; raises VendorUsageError for anything else."""
    if isinstance(reported, Mapping):
        return reported
    dump = getattr(reported, "model_dump", None)
    usage = dump(mode="json", by_alias=True) if callable(dump) else None
    if not isinstance(usage, Mapping):
        raise VendorUsageError(f"{reported!r} is not a usage object.")
    return usage


def details_of(usage: VendorObject, name: str) -> VendorObject:
    """Return an object inside a usage object, empty if it is missing."""
    details = usage.get(name)
    if details is None:
        return {}
    if not isinstance(details, Mapping):
        raise VendorUsageError(f"`{name}` is not an object.")
    return details


def count_of(usage: VendorObject, name: str) -> int:
    """Return a count, 0 if it is missing."""
    value = usage.get(name)
    if value is None:
        return 0
    if type(value) is not int or value < 0:
        raise VendorUsageError(f"`{name}` is {value!r}, not a count.")
    return value


def seconds_of(usage: VendorObject, name: str) -> int | Decimal:
    """Return a duration: a count, or the number that a library holds as a float."""
    value = usage.get(name)
    if type(value) is not float:
        return count_of(usage, name)
    exact = Decimal(repr(value))
    if not exact.is_finite() or exact < 0:
        raise VendorUsageError(f"`{name}` is {value!r}, not a duration.")
    return exact.normalize() if exact % 1 else int(exact)


def modality_count(usage: VendorObject, name: str, modality: str) -> int:
    """Return the tokens of one modality in Gemini's list of counts."""
    listed = usage.get(name)
    if listed is None:
        return 0
    if not isinstance(listed, list) or not all(isinstance(count, Mapping) for count in listed):
        raise VendorUsageError(f"`{name}` is not a list of objects.")
    return sum(
        count_of(count, "tokenCount") for count in listed if count.get("modality") == modality
    )


def remainder(name: str, total: int, *contained: int) -> int:
    """Return what is left of an inclusive count; raises VendorUsageError if it is negative."""
    rest = total - sum(contained)
    if rest < 0:
        raise VendorUsageError(f"`{name}` is {total}, but contains {sum(contained)}.")
    return rest


def require_sum(name: str, total: int, parts: int) -> None:
    """Raise VendorUsageError if a total is not the sum of its parts."""
    if total != parts:
        raise VendorUsageError(f"`{name}` is {total}, but its parts are {parts}.")


def quantities(**units: int | Decimal) -> Usages:
    """Return the quantities that are not zero."""
    return {unit: quantity for unit, quantity in units.items() if quantity}
