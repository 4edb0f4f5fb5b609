"""Conditions of a price: the requests, calls and hours that a row of the catalogue is for.

Each condition is optional. A row without a tier is for the standard tier, because a price of the
standard tier must not be used for another one. Any other missing condition matches everything.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from datetime import datetime
from functools import lru_cache
from typing import Final, NamedTuple
from zoneinfo import ZoneInfo

import msgspec

from schemas.events import (
    DESTINATION_DIGITS_MAX,
    INPUT_SIZE_MAX,
    NO_CONTEXT,
    STANDARD_TIERS,
    PriceContext,
)
from schemas.time_zones import time_zones

FIELDS: Final = (
    "tier", "input_size_above", "direction", "destination", "voice_class", "hours",
)  # fmt: skip
"""The names of the conditions, in the order in which they are stored and shown."""

_DAY_MINUTES: Final = 24 * 60
_HOUR_MINUTES: Final = 60

_name: Final = re.compile(r"[a-z0-9][a-z0-9_.-]{0,63}").fullmatch
_place: Final = re.compile(rf"\+[1-9][0-9]{{0,{DESTINATION_DIGITS_MAX - 1}}}|[A-Z]{{2}}").fullmatch
_window: Final = re.compile(
    r"([01][0-9]|2[0-3]):([0-5][0-9])-(?:([01][0-9]|2[0-3]):([0-5][0-9])|24:00)(?:@(\S{1,64}))?"
).fullmatch


class Hours(NamedTuple):
    """A daily window in a time zone: from minute `starts` of the day to before minute `ends`.

    It crosses midnight if `ends` is before `starts`.
    """

    starts: int
    ends: int
    zone: str = "UTC"

    def include(self, time: datetime) -> bool:
        """Return whether the wall clock of the zone is in the window at `time`."""
        local = time.astimezone(ZoneInfo(self.zone))
        minute = local.hour * _HOUR_MINUTES + local.minute
        if self.starts < self.ends:
            return self.starts <= minute < self.ends
        return minute >= self.starts or minute < self.ends

    @property
    def minutes(self) -> int:
        """The length of the window."""
        return (self.ends - self.starts) % _DAY_MINUTES

    def __str__(self) -> str:
        zone = "" if self.zone == "UTC" else f"@{self.zone}"
        return f"{_clock(self.starts)}-{_clock(self.ends)}{zone}"


def _clock(minute: int) -> str:
    return f"{minute // _HOUR_MINUTES:02}:{minute % _HOUR_MINUTES:02}"


class Conditions(NamedTuple):
    """The conditions of a row; each is None or "" if the row does not have it."""

    tier: str = ""
    input_size_above: int | None = None
    direction: str = ""
    destination: str = ""
    voice_class: str = ""
    hours: Hours | None = None

    def match(self, context: PriceContext, time: datetime) -> bool:
        """Return whether all conditions match a usage at `time`."""
        return (
            self.tier == (context.tier or "")
            and (self.input_size_above is None or _exceeds(context, self.input_size_above))
            and (not self.direction or self.direction == context.direction)
            and (not self.destination or self.destination in matching_destinations(context))
            and (not self.voice_class or self.voice_class == context.voice_class)
            and (self.hours is None or self.hours.include(time))
        )

    def specificity(self) -> tuple[int, int, bool, bool, int]:
        """Return the sort key among rows that match: the greatest has priority.

        It consists of the length of the destination, the input size, whether there is a direction
        and a voice class, and how short the hours are. Matching rows have the same tier.
        """
        return (
            len(self.destination),
            -1 if self.input_size_above is None else self.input_size_above,
            bool(self.direction),
            bool(self.voice_class),
            0 if self.hours is None else _DAY_MINUTES - self.hours.minutes,
        )

    def to_fields(self) -> dict[str, str]:
        """Return the conditions that the row has, as texts by name."""
        fields = zip(FIELDS, self, strict=True)
        return {name: str(value) for name, value in fields if value not in {"", None}}

    def __str__(self) -> str:
        return ", ".join(
            _DESCRIPTIONS[name].format(text) for name, text in self.to_fields().items()
        )


_DESCRIPTIONS: Final = {
    "tier": "{} tier",
    "input_size_above": "above {} input tokens",
    "direction": "{}",
    "destination": "to {}",
    "voice_class": "{} voice",
    "hours": "{}",
}

NO_CONDITIONS: Final = Conditions()


def _exceeds(context: PriceContext, size: int) -> bool:
    return context.input_size is not None and context.input_size > size


def matching_destinations(context: PriceContext) -> Iterator[str]:
    """Yield the destinations of rows that match a usage, longest first, "" last.

    A number matches its prefixes, a country only itself: numbers do not determine countries.
    """
    destination = context.destination or ""
    if destination.startswith("+"):
        for length in range(len(destination), 1, -1):
            yield destination[:length]
    elif destination:
        yield destination
    yield ""


def conditions_from(fields: Mapping[str, str]) -> tuple[Conditions, list[str]]:
    """Return the conditions in the text fields of a row, and a sentence for each invalid field."""
    given = {name: fields.get(name, "").strip() for name in FIELDS}
    reasons: list[str] = []

    def check(name: str, text: str, valid: bool, rule: str) -> str:
        if not text or valid:
            return text
        reasons.append(f"{name} must be {rule}.")
        return ""

    tier = given["tier"].lower()
    tier = "" if tier in STANDARD_TIERS else tier
    voice, direction = given["voice_class"].lower(), given["direction"].lower()
    place = given["destination"].upper()
    digits = given["input_size_above"]
    is_size = digits.isascii() and digits.isdigit() and int(digits[:20] or 0) < INPUT_SIZE_MAX
    size = check(
        "input_size_above", digits, is_size, f"a whole number below {INPUT_SIZE_MAX}, in tokens"
    )
    name_rule = "a name of at most 64 letters, digits, `.`, `_` and `-`"
    directions = {"inbound", "outbound"}
    conditions = Conditions(
        tier=check("tier", tier, bool(_name(tier)), name_rule),
        input_size_above=int(size) if size else None,
        direction=check("direction", direction, direction in directions, "inbound or outbound"),
        destination=check(
            "destination",
            place,
            bool(_place(place)),
            f"a number's prefix like +44, of at most {DESTINATION_DIGITS_MAX} digits, "
            "or a country like GB",
        ),
        voice_class=check("voice_class", voice, bool(_name(voice)), name_rule),
        hours=_hours(given["hours"]),
    )
    check(
        "hours",
        given["hours"],
        conditions.hours is not None,
        "a part of the day like 22:00-06:00 (UTC) or 22:00-06:00@Europe/London",
    )
    return conditions, reasons


def _hours(text: str) -> Hours | None:
    """Return a window, or None if it is invalid or lasts the whole day."""
    found = _window(text)
    if found is None:
        return None
    start, start_minute, end, end_minute, zone = found.groups()
    starts = int(start) * _HOUR_MINUTES + int(start_minute)
    ends = int(end or 0) * _HOUR_MINUTES + int(end_minute or 0)
    zone = zone or "UTC"
    return None if starts == ends or zone not in time_zones() else Hours(starts, ends, zone)


_encode: Final = msgspec.json.Encoder().encode
_context: Final = msgspec.json.Decoder(PriceContext).decode


def stored_context(context: PriceContext) -> str | None:
    """Return a context as stored with its cost; None for an empty one."""
    return None if context == NO_CONTEXT else _encode(context).decode()


def parse_stored_context(stored: str | None) -> PriceContext | None:
    """Return the context stored with a cost."""
    return None if stored is None else _context(stored)


def stored_unit(unit: str, conditions: Conditions) -> str:
    """Return a row's unit as stored, followed by its conditions: `minutes destination=+44`.

    So conditions are part of a row's key, and a release that does not know conditions never uses
    the row, because no event has such a unit.
    """
    return " ".join([unit, *(f"{name}={text}" for name, text in conditions.to_fields().items())])


@lru_cache(maxsize=16_384)
def parse_stored_unit(stored: str) -> tuple[str, Conditions]:
    """Return the unit and the conditions of a stored row; raises ValueError for any other text."""
    unit, *rest = stored.split(" ")
    if not rest:
        return unit, NO_CONDITIONS
    fields = dict(text.split("=", 1) for text in rest)
    conditions, reasons = conditions_from(fields)
    if reasons or set(fields) - set(FIELDS):
        raise ValueError(f"A stored price has unknown conditions: {stored}")
    return unit, conditions
