"""Bounds of an event's numbers and metadata, checked after its shape."""

from __future__ import annotations

import re
from decimal import Decimal
from operator import attrgetter
from typing import Any, Final

from schemas.events import MAX_TAG_LENGTH, MAX_TAGS, NO_TAG_CHARACTERS, TAG_KEY
from schemas.money import MAX_EVENT_NANO, NANO_PER_USD
from schemas.numbers import Number
from schemas.refusals import Refused
from schemas.usages import UNIT_LENGTH_MAX, is_unit

MAX_METADATA_BYTES: Final = 8 * 1024
MAX_METADATA_DEPTH: Final = 32
MAX_USAGE: Final = 10**12
MAX_AMOUNT_USD: Final = MAX_EVENT_NANO // NANO_PER_USD
MAX_DURATION_SECONDS: Final = 31_536_000
MAX_DECIMAL_PLACES: Final = 30
MAX_DIGITS: Final = 60

_STRINGS: Final = re.compile(rb'"(?:[^"\\]|\\.)*"')
_UNIT: Final = attrgetter("unit")
_BRACKETS: Final = re.compile(rb"[\[\]{}]")
_TAG_KEY: Final = re.compile(TAG_KEY)
_NO_TAG_CHARACTERS: Final = re.compile(f"[{NO_TAG_CHARACTERS}]")


def _check_number(value: Number | None, name: str, maximum: int) -> None:
    """Refuse a number that is not finite, negative, above `maximum` or has too many digits."""
    if value is None or _is_within(value, maximum):
        return
    if isinstance(value, Decimal):
        if not value.is_finite():
            raise Refused("invalid_event", f"`{name}` is not a finite number.")
        _, digits, exponent = value.as_tuple()
        if abs(int(exponent)) > MAX_DECIMAL_PLACES or len(digits) > MAX_DIGITS:
            raise Refused("invalid_event", f"`{name}` has too many digits.")
    if value < 0:
        raise Refused("invalid_event", f"`{name}` is negative.")
    if value > maximum:
        raise Refused("invalid_event", f"`{name}` is above {maximum}.")


def _is_within(value: Number, maximum: int) -> bool:
    """Return whether a number is written in a few plain digits and is not above `maximum`.

    Fast path: nearly all numbers are like this, and it is much faster than the full check.
    """
    if type(value) is int:
        return 0 <= value <= maximum
    text = str(value)
    short = len(text) <= MAX_DECIMAL_PLACES and text.replace(".", "", 1).isdigit()
    return short and value <= maximum


def are_bounded(
    usage: Number, unit_cost: Number | None, total_cost: Number | None, metadata: bytes
) -> bool:
    """Return whether the numbers and the metadata of a recorded cost are within bounds."""
    if (
        _is_within(usage, MAX_USAGE)
        and (unit_cost is None or _is_within(unit_cost, MAX_AMOUNT_USD))
        and (total_cost is None or _is_within(total_cost, MAX_AMOUNT_USD))
        and (not metadata or (len(metadata) <= MAX_METADATA_DEPTH and metadata.startswith(b"{")))
    ):
        return True  # metadata this short cannot be nested too deep
    try:
        _check_cost(usage, unit_cost, total_cost, metadata)
    except Refused:
        return False
    return True


def _check_started(data: Any) -> None:
    _check_number(data.expected_duration_seconds, "expectedDuration_seconds", MAX_DURATION_SECONDS)


def _check_recorded(data: Any) -> None:
    if data.usages is None:
        if data.usage is None or data.unit is None:
            raise Refused("invalid_event", "A cost needs `usage` and `unit`, or `usages`.")
        _check_unit("unit", data.unit)
    else:
        _check_usages(data)
    _check_cost(data.usage, data.unit_cost, data.total_cost, bytes(data.metadata))


def _check_unit(field: str, unit: str) -> None:
    if not is_unit(unit):
        raise Refused(
            "invalid_event",
            f"`{field}` has the unit {unit!r}; a unit is a lower-case letter, followed by up to "
            f"{UNIT_LENGTH_MAX - 1} lower-case letters, digits and underscores.",
        )


def _check_usages(data: Any) -> None:
    """Check the quantities of a request, and sort them by unit: their order has no meaning."""
    if data.usage is not None or data.unit is not None:
        raise Refused("invalid_event", "`usages` takes the place of `usage` and `unit`.")
    if data.unit_cost is not None:
        raise Refused("invalid_event", "`unitCost` needs a single `unit`; `usages` has several.")
    units: set[str] = set()
    for usage in data.usages:
        _check_unit("usages", usage.unit)
        if usage.unit in units:
            raise Refused("invalid_event", f"`usages` has the unit `{usage.unit}` twice.")
        units.add(usage.unit)
        _check_number(usage.quantity, f"usages.{usage.unit}", MAX_USAGE)
    data.usages.sort(key=_UNIT)


def _check_cost(
    usage: Number | None, unit_cost: Number | None, total_cost: Number | None, metadata: bytes
) -> None:
    _check_number(usage, "usage", MAX_USAGE)
    _check_number(unit_cost, "unitCost", MAX_AMOUNT_USD)
    _check_number(total_cost, "totalCost", MAX_AMOUNT_USD)
    if metadata:
        _check_metadata(metadata)


def _check_metadata(metadata: bytes) -> None:
    if len(metadata) > MAX_METADATA_BYTES:
        raise Refused("invalid_event", f"`metadata` is above {MAX_METADATA_BYTES} bytes.")
    if metadata[:1] != b"{" and metadata != b"null":
        raise Refused("invalid_event", "`metadata` is not an object.")
    if _is_deep(metadata):
        raise Refused("invalid_event", f"`metadata` is above {MAX_METADATA_DEPTH} levels deep.")


def _is_deep(json: bytes) -> bool:
    """Return whether arrays and objects are nested too deep.

    The metadata is parsed again later, on a deeper stack, where deeper nesting would fail.
    """
    if json.count(b"[") + json.count(b"{") <= MAX_METADATA_DEPTH:
        return False
    depth = 0
    for bracket in _BRACKETS.findall(_STRINGS.sub(b"", json)):
        depth += 1 if bracket in b"[{" else -1
        if depth > MAX_METADATA_DEPTH:
            return True
    return False


def _check_amount(data: Any) -> None:
    _check_number(data.amount, "amount", MAX_AMOUNT_USD)
    _check_number(getattr(data, "fee", None), "fee", MAX_AMOUNT_USD)


def _check_ended(data: Any) -> None:
    _check_number(data.duration_seconds, "duration_seconds", MAX_DURATION_SECONDS)


def checked_tags(tags: dict[str, str]) -> dict[str, str] | None:
    """Return the tags of an event sorted by key, None for no tags; raises `Refused`."""
    if len(tags) > MAX_TAGS:
        raise Refused(
            "invalid_event", f"`tags` has {len(tags)} keys; at most {MAX_TAGS} are allowed."
        )
    for key, value in tags.items():
        if not _TAG_KEY.fullmatch(key):
            raise Refused(
                "invalid_event",
                f"The key `{key[:50]}` of `tags` is not a lower-case letter followed by up to 39 "
                "lower-case letters, digits and underscores.",
            )
        if not 1 <= len(value) <= MAX_TAG_LENGTH:
            raise Refused(
                "invalid_event",
                f"The tag `{key}` has {len(value)} characters; 1 to {MAX_TAG_LENGTH} are allowed.",
            )
        if _NO_TAG_CHARACTERS.search(value):
            raise Refused("invalid_event", f"The tag `{key}` contains a control character.")
    return dict(sorted(tags.items())) or None


def _check_nothing(data: Any) -> None:
    """Accept the event: its type has no bounds beyond its shape."""


CHECKS: Final = {
    "call.started": _check_started,
    "call.updated": _check_nothing,
    "cost.recorded": _check_recorded,
    "cost.voided": _check_nothing,
    "call.charged": _check_amount,
    "call.refunded": _check_amount,
    "call.ended": _check_ended,
    "credit.granted": _check_amount,
    "credit.voided": _check_nothing,
}
"""The check for each event type; raises `Refused`."""
