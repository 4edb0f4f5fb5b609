"""Verification keys, each bound to the algorithms of its own family."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final, Protocol

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.ec import EllipticCurvePublicKey
from cryptography.hazmat.primitives.asymmetric.ed448 import Ed448PublicKey
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey
from cryptography.hazmat.primitives.serialization import load_pem_public_key

SECRET_BYTES_MIN: Final = 32
RSA_BITS_MIN: Final = 2048

PublicKey = RSAPublicKey | EllipticCurvePublicKey | Ed25519PublicKey | Ed448PublicKey

_RSA_ALGORITHMS: Final = ("RS256", "RS384", "RS512")
_EC_ALGORITHMS: Final[Mapping[str, tuple[str, ...]]] = {
    "secp256r1": ("ES256",),
    "secp384r1": ("ES384",),
    "secp521r1": ("ES512",),
}
_EDWARDS_ALGORITHMS: Final = ("EdDSA",)


@dataclass(frozen=True, slots=True)
class VerificationKey:
    """A key and the algorithms that a token signed with it may use."""

    material: PublicKey | bytes
    algorithms: tuple[str, ...]


class KeySource(Protocol):
    """A provider of verification keys."""

    @property
    def remember_seconds(self) -> int | None:
        """How long a verification may be cached; None: as long as the token is valid."""

    async def key_for(self, token_key_id: str | None) -> VerificationKey | None:
        """Return the key of a token, or None; raises the 503 Problem if no key is available."""

    async def close(self) -> None:
        """Close connections."""


class FixedKey:
    """The only key of a service that gets its key at start."""

    remember_seconds: int | None = None

    def __init__(self, key: VerificationKey) -> None:
        self._key = key

    async def key_for(self, token_key_id: str | None) -> VerificationKey:  # noqa: ARG002
        """Return the key, whatever key id the token has."""
        return self._key

    async def close(self) -> None:
        """Do nothing; nothing was opened."""


def secret_key(secret: str) -> VerificationKey:
    """Return the key (HS256) of a shared secret; raises ValueError for a short one or a PEM."""
    material = secret.encode()
    if len(material) < SECRET_BYTES_MIN:
        raise ValueError(f"a JWT secret needs at least {SECRET_BYTES_MIN} bytes")
    if b"-----BEGIN" in material:
        raise ValueError("a PEM key is not a shared secret: anyone who has it could sign tokens")
    return VerificationKey(material, ("HS256",))


def public_key(pem: str) -> VerificationKey:
    """Return the key (RSA, EC or EdDSA) in a PEM; raises ValueError for anything else."""
    try:
        material = load_pem_public_key(pem.encode())
    except (ValueError, UnsupportedAlgorithm):
        raise ValueError("the JWT public key is not a public key in PEM form") from None
    return verification_key(material)


def verification_key(material: object) -> VerificationKey:
    """Return a public key with its family's algorithms; raises ValueError for any other object."""
    if isinstance(material, RSAPublicKey):
        if material.key_size < RSA_BITS_MIN:
            raise ValueError(f"an RSA key needs at least {RSA_BITS_MIN} bits")
        return VerificationKey(material, _RSA_ALGORITHMS)
    if isinstance(material, EllipticCurvePublicKey):
        algorithms = _EC_ALGORITHMS.get(material.curve.name)
        if algorithms is None:
            raise ValueError(f"the curve {material.curve.name} is not supported")
        return VerificationKey(material, algorithms)
    if isinstance(material, Ed25519PublicKey | Ed448PublicKey):
        return VerificationKey(material, _EDWARDS_ALGORITHMS)
    raise ValueError(f"{type(material).__name__} cannot verify tokens")
