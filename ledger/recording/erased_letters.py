"""Removes the identity of erased users from refused records before they are stored."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Final, TypeVar

import msgspec

from ledger.people.erased_users import ErasedUsers
from ledger.people.scrubbing import erase_words
from ledger.recording.offsets import DeadLetter

T = TypeVar("T")

_fields: Final = msgspec.json.Decoder(dict[str, msgspec.Raw])
_string: Final = msgspec.json.Decoder(str)
_encode: Final = msgspec.json.Encoder(decimal_format="number").encode
_PERSONAL: Final = ("metadata", "controlUrl", "providerCallId")
"""Fields of an event's data that no total needs and that are about a person."""


def scrub_letters(letters: Sequence[DeadLetter], erased: ErasedUsers) -> list[DeadLetter]:
    """Return refused records without the identity of erased users."""
    return [_scrubbed_letter(letter, erased) for letter in letters]


def _scrubbed_letter(letter: DeadLetter, erased: ErasedUsers) -> DeadLetter:
    key = _decoded(letter.key, bytes.decode)
    key_pseudonym = None if key is None else erased.pseudonym_of(key)
    event = _decoded(letter.value, _fields.decode)
    is_structured = event is not None and "data" in event
    data = _decoded(event["data"], _fields.decode) if event and is_structured else event
    user_id = None if data is None else _decoded(data.get("userId"), _string.decode)
    pseudonym = key_pseudonym or (None if user_id is None else erased.pseudonym_of(user_id))
    if pseudonym is None:
        return letter
    identity = (key if key_pseudonym else user_id) or ""
    # A value that is no event can never be counted and may contain anything: it is dropped.
    value: bytes | None = None
    if event is not None and data is not None:
        kept = {name: part for name, part in data.items() if name not in _PERSONAL}
        if "userId" in kept:
            kept["userId"] = msgspec.Raw(_encode(pseudonym))
        for name in ("tags", "reason"):
            if name in kept:
                kept[name] = msgspec.Raw(_words_in(bytes(kept[name]), identity, pseudonym))
        value = _encode(event | {"data": msgspec.Raw(_encode(kept))} if is_structured else kept)
    return letter._replace(
        key=pseudonym.encode() if key_pseudonym else letter.key,
        value=value,
        message=erase_words(letter.message, identity, pseudonym),
    )


def _words_in(json: bytes, identity: str, pseudonym: str) -> bytes:
    escaped = _encode(identity).decode()[1:-1]
    return erase_words(json.decode("utf-8", "replace"), escaped, pseudonym).encode()


def _decoded(value: bytes | msgspec.Raw | None, decode: Callable[[Any], T]) -> T | None:
    """Return a decoded value; None if it is missing or malformed."""
    try:
        return None if value is None else decode(value)
    except (msgspec.DecodeError, UnicodeDecodeError):
        return None
