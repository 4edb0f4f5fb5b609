"""The tags of a call: for each key the value of the earliest event by (time, identity).

A call keeps ten keys: those whose events are the earliest, by (time, identity, key). A key is only
dropped if ten keys are earlier, and these are only replaced by even earlier ones. So the tags do
not depend on the order of arrival.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Final, NamedTuple

import msgspec

from schemas.events import MAX_TAGS

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND: Final = timedelta(microseconds=1)


class TagOrigin(NamedTuple):
    """The event that set a tag: its time in microseconds since 1970, and its identity."""

    time_us: int
    identity: str


class CallTags(NamedTuple):
    """The tags of a call, and their origins, both by key."""

    tags: dict[str, str]
    origins: dict[str, TagOrigin]


_tags_decoder: Final = msgspec.json.Decoder(dict[str, str])
_origins_decoder: Final = msgspec.json.Decoder(dict[str, TagOrigin])


def decode_tags(stored: str | None) -> dict[str, str] | None:
    """Return stored tags sorted by key; None if there are none."""
    return None if stored is None else dict(sorted(_tags_decoder.decode(stored).items()))


def decode_origins(stored: str | None) -> dict[str, TagOrigin] | None:
    """Return the stored origins of tags sorted by key; None if there are none."""
    return None if stored is None else dict(sorted(_origins_decoder.decode(stored).items()))


def merge_tags(
    known: CallTags, tags: Mapping[str, str], time: datetime, identity: str
) -> CallTags | None:
    """Return a call's tags after one more event; None if they do not change."""
    origin = TagOrigin((time - _EPOCH) // _MICROSECOND, identity)
    values, origins = dict(known.tags), dict(known.origins)
    for key, value in tags.items():
        if key not in origins or origin < origins[key]:
            values[key], origins[key] = value, origin
    kept = sorted(origins, key=lambda key: (origins[key], key))[:MAX_TAGS]
    merged_origins = {key: origins[key] for key in sorted(kept)}
    if merged_origins == known.origins:
        return None
    return CallTags({key: values[key] for key in merged_origins}, merged_origins)
