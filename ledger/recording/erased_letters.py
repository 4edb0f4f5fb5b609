"""Removes the identity of erased users from refused records before they are stored."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import msgspec

from ledger.people.erased_users import ErasedUsers
from ledger.people.scrubbing import erase_words
from ledger.recording.offsets import DeadLetter

_fields: Final = msgspec.json.Decoder(dict[str, msgspec.Raw])
_encode: Final = msgspec.json.Encoder(decimal_format="number").encode
_PERSONAL: Final = ("metadata", "controlUrl", "providerCallId")
"""Fields of an event's data that no total needs and that are about a person."""


def scrub_letters(letters: Sequence[DeadLetter], erased: ErasedUsers) -> list[DeadLetter]:
    """Return refused records without the identity of erased users."""
    return [_scrubbed_letter(letter, erased) for letter in letters]


def _scrubbed_letter(letter: DeadLetter, erased: ErasedUsers) -> DeadLetter:
    key = _text(letter.key)
    by_key = None if key is None else erased.pseudonym_of(key)
    event = _decoded(letter.value)
    is_whole = event is not None and "data" in event
    data = _decoded(event["data"]) if event is not None and is_whole else event
    user_id = None if data is None else _string(data.get("userId"))
    pseudonym = by_key or (None if user_id is None else erased.pseudonym_of(user_id))
    if pseudonym is None:
        return letter
    identity = (key if by_key else user_id) or ""
    value: bytes | None = (
        None  # it is not an event, so it can never be counted, and may contain anything
    )
    if event is not None and data is not None:
        kept = {name: part for name, part in data.items() if name not in _PERSONAL}
        if "userId" in kept:
            kept["userId"] = msgspec.Raw(_encode(pseudonym))
        for name in ("tags", "reason"):
            if name in kept:
                kept[name] = msgspec.Raw(_words_in(bytes(kept[name]), identity, pseudonym))
        value = _encode(event | {"data": msgspec.Raw(_encode(kept))} if is_whole else kept)
    return letter._replace(
        key=pseudonym.encode() if by_key else letter.key,
        value=value,
        message=erase_words(letter.message, identity, pseudonym),
    )


def _words_in(json: bytes, identity: str, pseudonym: str) -> bytes:
    escaped = _encode(identity).decode()[1:-1]
    return erase_words(json.decode("utf-8", "replace"), escaped, pseudonym).encode()


def _decoded(value: bytes | msgspec.Raw | None) -> dict[str, msgspec.Raw] | None:
    try:
        return None if value is None else _fields.decode(value)
    except (msgspec.DecodeError, UnicodeDecodeError):
        return None


def _string(value: msgspec.Raw | None) -> str | None:
    try:
        return None if value is None else msgspec.json.decode(value, type=str)
    except (msgspec.DecodeError, UnicodeDecodeError):
        return None


def _text(key: bytes | None) -> str | None:
    try:
        return None if key is None else key.decode()
    except UnicodeDecodeError:
        return None
