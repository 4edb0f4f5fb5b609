"""The identity of an event as a 128-bit key, and a digest of its content.

(`source`, `id`) are two strings of any form; the ledger keeps one UUID-sized key instead, which is
what makes its unique index small. An id that is a UUID keeps its bits, the low 80 of them mixed
with a salt of its source: within one source no two UUIDs can collide, and the leading 48 bits of a
version 7 UUID, its time, stay in front, so that keys arrive nearly in order and the index grows at
its right edge. Any other id is hashed whole. Should two identities ever share a key, the digest of
the content turns the second into a refused event, never into a silently dropped one.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from hashlib import blake2b
from typing import Final
from zlib import adler32, crc32

_UUID_LENGTH: Final = 36
_DASHES: Final = (8, 13, 18, 23)
KEY_BYTES: Final = 16
_SALT_BYTES: Final = 10
_CRC_BITS: Final = 32
_SIGNED_OFFSET: Final = 1 << 63


@lru_cache(maxsize=4096)
def _salt(source: str) -> int:
    return int.from_bytes(blake2b(source.encode(), digest_size=_SALT_BYTES).digest(), "big")


def _uuid_bits(event_id: str) -> int | None:
    """Return the bits of a canonical lower-case UUID, or None for any other string."""
    if len(event_id) != _UUID_LENGTH or event_id[8:24:5] != "----" or not event_id.islower():
        return None
    try:
        key = bytes.fromhex(event_id.replace("-", ""))
    except ValueError:
        return None
    # Spaces between bytes are passed over there, and more dashes leave fewer digits.
    return int.from_bytes(key, "big") if len(key) == KEY_BYTES else None


def identity_of(source: str, event_id: str) -> str:
    """Return the key of (source, id): 32 hexadecimal digits. A NUL in neither string is assumed."""
    bits = _uuid_bits(event_id)
    if bits is None:
        return blake2b(f"{source}\0{event_id}".encode(), digest_size=KEY_BYTES).hexdigest()
    return f"{bits ^ _salt(source):032x}"


def keys_of(named: Sequence[tuple[str, str]]) -> bytes:
    """Return the 16 bytes of `identity_of` each (source, id), one key after the other.

    Much sooner where all ids are UUIDs: their digits are then read and salted as one number.
    """
    ids = [event_id for _, event_id in named]
    bits = _bits_of_all(ids)
    if bits is None:
        return bytes.fromhex("".join([identity_of(source, event_id) for source, event_id in named]))
    salts = int.from_bytes(b"".join([_salt_bytes(source) for source, _ in named]), "big")
    return (bits ^ salts).to_bytes(KEY_BYTES * len(ids), "big")


@lru_cache(maxsize=4096)
def _salt_bytes(source: str) -> bytes:
    return _salt(source).to_bytes(KEY_BYTES, "big")


def _bits_of_all(ids: Sequence[str]) -> int | None:
    """Return the bits of one UUID after the other, or None where `_uuid_bits` would of any."""
    together = "".join(ids)
    dashes = "-" * len(ids)
    if (
        set(map(len, ids)) != {_UUID_LENGTH}
        or not all(map(str.islower, ids))
        or any(together[place::_UUID_LENGTH] != dashes for place in _DASHES)
    ):
        return None
    try:
        keys = bytes.fromhex(together.replace("-", ""))
    except ValueError:
        return None
    return int.from_bytes(keys, "big") if len(keys) == KEY_BYTES * len(ids) else None


def fingerprint_of(content: bytes) -> int:
    """Return a signed 64-bit digest of an event's canonical content.

    It only names the reason why an event with a known identity is not counted again, so two
    checksums are enough; no money depends on their strength.
    """
    return ((crc32(content) << _CRC_BITS) | adler32(content)) - _SIGNED_OFFSET
