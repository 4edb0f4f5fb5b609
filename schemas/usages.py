"""The units of usage, and the quantities of one request.

The units of one request are disjoint: each token, second or character is in exactly one of them.
Vendors often report inclusive counts, such as prompt tokens that contain cached ones; functions of
the emitter (`clients/python`) convert them.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Annotated, Final

from msgspec import Meta, Struct

from schemas.numbers import Number

UNITS: Final[Mapping[str, str]] = {
    "input_tokens": "Text tokens of the prompt, without cached ones and without audio.",
    "cached_input_tokens": "Text tokens of the prompt that were read from the vendor's cache.",
    "cache_write_tokens": "Tokens of the prompt that were written to the cache for 5 minutes.",
    "cache_write_1h_tokens": "Tokens of the prompt that were written to the cache for 1 hour.",
    "output_tokens": "Text tokens of the reply, without reasoning and without audio.",
    "reasoning_tokens": "Tokens that the model produced for its reasoning.",
    "input_audio_tokens": "Audio tokens of the prompt, without cached ones.",
    "cached_input_audio_tokens": "Audio tokens of the prompt that were read from the cache.",
    "output_audio_tokens": "Audio tokens of the reply.",
    "tokens": "Tokens of any kind, at a vendor with one price for all of them.",
    "characters": "Characters of text, for instance of text turned into speech.",
    "audio_seconds": "Seconds of audio that a model processed or produced.",
    "seconds": "Seconds of connection or of a call.",
    "minutes": "Minutes of connection or of a call.",
    "requests": "Requests to a service.",
    "messages": "Messages, for instance text messages.",
    "images": "Images that a model processed or produced.",
    "searches": "Searches that a model ran.",
}
"""The known units. Any other unit needs a row of the price catalogue and nothing else."""

INPUT_UNITS: Final = frozenset(
    {
        "input_tokens",
        "cached_input_tokens",
        "cache_write_tokens",
        "cache_write_1h_tokens",
        "input_audio_tokens",
        "cached_input_audio_tokens",
    }
)
"""The units whose sum is the input size of a request."""

UNIT_LENGTH_MAX: Final = 40
UNIT_PATTERN: Final = rf"[a-z][a-z0-9_]{{0,{UNIT_LENGTH_MAX - 1}}}"
is_unit: Final = re.compile(UNIT_PATTERN).fullmatch
"""Matches the name of a unit: lower-case letters, digits and underscores."""

Unit = Annotated[
    str,
    Meta(
        min_length=1,
        max_length=UNIT_LENGTH_MAX,
        examples=list(UNITS),
        extra_json_schema={"pattern": f"^{UNIT_PATTERN}$"},
    ),
]
"""The name of a unit; `schemas.bounds` checks its form."""

USAGES_MAX: Final = 20


class Usage(Struct, gc=False, frozen=True):
    """A quantity of one unit."""

    unit: Unit
    quantity: Number


Usages = Annotated[list[Usage], Meta(min_length=1, max_length=USAGES_MAX)]
"""The quantities of one request, with different units."""


def input_and_output_sums(quantities: Mapping[str, Number]) -> tuple[Number, Number]:
    """Return the sums of the input and of the other units.

    Two reports of one request have the same sums, even if they divide them into units differently.
    """
    prompt = sum(quantity for unit, quantity in quantities.items() if unit in INPUT_UNITS)
    return prompt, sum(quantities.values()) - prompt
