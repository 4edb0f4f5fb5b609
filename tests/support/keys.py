"""Signing keys of each family, created once, and their public keys as PEM."""

from functools import cache

from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

PrivateKey = rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey | ed25519.Ed25519PrivateKey


def pem_of(key: PrivateKey) -> str:
    """Return the public key of a key as PEM."""
    public = key.public_key()
    return public.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo).decode()


RSA = rsa.generate_private_key(public_exponent=65537, key_size=2048)
OTHER_RSA = rsa.generate_private_key(public_exponent=65537, key_size=2048)
P256 = ec.generate_private_key(ec.SECP256R1())
ED = ed25519.Ed25519PrivateKey.generate()
RSA_PEM, P256_PEM, ED_PEM = pem_of(RSA), pem_of(P256), pem_of(ED)


@cache
def public_pem(curve: str) -> str:
    """Return the PEM of a fresh public key on a curve."""
    assert curve == "secp256k1"
    return pem_of(ec.generate_private_key(ec.SECP256K1()))


@cache
def small_rsa_key() -> rsa.RSAPrivateKey:
    """Return an RSA key that is too small to be accepted."""
    return rsa.generate_private_key(public_exponent=65537, key_size=1024)


def small_rsa_pem() -> str:
    """Return its public key as PEM."""
    return pem_of(small_rsa_key())
