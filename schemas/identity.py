"""The identity of an event as a 128-bit key, and a digest of its content.

(`source`, `id`) are two arbitrary strings; the ledger stores one UUID-sized key instead, which
keeps its unique index small. An id that is a UUID keeps its bits, with the low 80 XORed with a salt
of the source: two UUIDs of one source cannot collide. The first 48 bits of a version 7 UUID, its
time, are unchanged, so that keys arrive nearly in order and the index grows at its right edge. Any
other id is hashed. If two identities ever shared a key, the digest of the content would differ: the
second event would be refused, not silently dropped.
"""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal
from functools import lru_cache
from hashlib import blake2b
from typing import Final
from uuid import UUID
from zlib import adler32, crc32

from schemas.exact import exact_text

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
    """Return the bits of a canonical lower-case UUID, None for any other string."""
    if len(event_id) != _UUID_LENGTH or event_id[8:24:5] != "----" or not event_id.islower():
        return None
    try:
        key = bytes.fromhex(event_id.replace("-", ""))
    except ValueError:
        return None
    # `fromhex` ignores spaces between bytes, and additional dashes leave fewer digits.
    return int.from_bytes(key, "big") if len(key) == KEY_BYTES else None


def identity_of(source: str, event_id: str) -> str:
    """Return the key of (source, id): 32 hexadecimal digits. Neither string may contain a NUL."""
    bits = _uuid_bits(event_id)
    if bits is None:
        return blake2b(f"{source}\0{event_id}".encode(), digest_size=KEY_BYTES).hexdigest()
    return f"{bits ^ _salt(source):032x}"


def keys_of(named: Sequence[tuple[str, str]]) -> bytes:
    """Return the 16 bytes of `identity_of` each (source, id), concatenated.

    Fast path: if all ids are UUIDs, their digits are parsed and salted as one number.
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
    """Return the concatenated bits of UUIDs, or None if `_uuid_bits` would for any of them."""
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


def derived_id(*parts: object) -> UUID:
    """Return the id of what exists once for these parts, such as an alert."""
    key = "\0".join(exact_text(part) if isinstance(part, Decimal) else str(part) for part in parts)
    return UUID(bytes=blake2b(key.encode(), digest_size=KEY_BYTES).digest())


def fingerprint_of(content: bytes) -> int:
    """Return a signed 64-bit digest of an event's canonical content.

    It only decides whether an event with a known identity is a repeat or a conflict. Neither is
    counted, so two checksums suffice: no money depends on their strength.
    """
    return ((crc32(content) << _CRC_BITS) | adler32(content)) - _SIGNED_OFFSET
