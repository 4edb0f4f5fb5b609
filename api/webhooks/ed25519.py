"""Ed25519 signatures, with public keys in base64."""

from __future__ import annotations

import binascii
from base64 import b64decode

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey


def is_public_key(text: str) -> bool:
    """Return whether a text is a public key in base64."""
    return _key(text) is not None


def verifies(key: str, signature: bytes, signed: bytes) -> bool:
    """Return whether a signature of `signed` is valid for a public key."""
    public = _key(key)
    if public is None:
        return False
    try:
        public.verify(signature, signed)
    except InvalidSignature:
        return False
    return True


def _key(text: str) -> Ed25519PublicKey | None:
    try:
        return Ed25519PublicKey.from_public_bytes(b64decode(text, validate=True))
    except (binascii.Error, ValueError):
        return None
