"""Tokens that must be refused, for any accepted key."""

import base64
import hashlib
import hmac
import json
import time
from typing import Any

import jwt

from tests.support.api import SECRET, claims, token
from tests.support.keys import ED, OTHER_RSA, P256, RSA, RSA_PEM

NOW = int(time.time())
"""The time of collection, which may be long before a test runs."""
A_DAY = 86_400
INFINITE = json.loads("1e999")

ISSUER, AUDIENCE = "https://id.example", "costs"
MEANT_FOR_US = {"iss": ISSUER, "aud": AUDIENCE}


def segment(content: Any) -> str:
    """Return a part of a token, unsigned."""
    return base64.urlsafe_b64encode(json.dumps(content).encode()).rstrip(b"=").decode()


def unsigned(header: dict[str, Any], **changes: Any) -> str:
    """Return a token with an empty signature."""
    return f"{segment(header)}.{segment(claims(**changes))}."


def tampered(good: str, **changes: Any) -> str:
    """Return a valid token with replaced claims."""
    head, _, signature = good.split(".")
    return f"{head}.{segment(claims(**changes))}.{signature}"


def signed_with_the_public_key(**changes: Any) -> str:
    """HS256 with the public key as the secret: the classic confusion of key families."""
    signed = f"{segment({'alg': 'HS256', 'typ': 'JWT'})}.{segment(claims(**changes))}"
    mac = hmac.new(RSA_PEM.encode(), signed.encode(), hashlib.sha256).digest()
    return f"{signed}.{base64.urlsafe_b64encode(mac).rstrip(b'=').decode()}"


def forged(key: Any, algorithm: str, **body: Any) -> dict[str, str]:
    """Return tokens that a service with `key` for `algorithm` must refuse, by what is wrong.

    Each has the claims of a valid token, except for the one difference in its name.
    """

    def signed(**changes: Any) -> str:
        return token(key=key, algorithm=algorithm, **(body | changes))

    def with_header(by: Any, name: str, **headers: Any) -> str:
        return jwt.encode(claims(**body), by, name, headers=headers)

    return _with_invalid_claims(signed) | {
        "unsigned": unsigned({"alg": "none", "typ": "JWT"}, **body),
        "unsigned, spelt otherwise": unsigned({"alg": "nOnE"}, **body),
        "unsigned, with the right name": unsigned({"alg": algorithm}, **body),
        "no algorithm": unsigned({"typ": "JWT"}, **body),
        "another secret": token(key="another secret, and long enough too", **body),
        "another key": token(key=OTHER_RSA, algorithm="RS256", **body),
        "another family, elliptic": token(key=P256, algorithm="ES256", **body),
        "another family, Edwards": token(key=ED, algorithm="EdDSA", **body),
        "another hash": token(key=SECRET * 2, algorithm="HS512", **body),
        "another padding": token(key=RSA, algorithm="PS256", **body),
        "public key as secret": signed_with_the_public_key(**body),
        "tampered": tampered(signed(), user="mallory", **body),
        "key by address": with_header(OTHER_RSA, "RS256", jku="https://evil.example/keys", kid="x"),
        "key in the header": with_header(
            OTHER_RSA, "RS256", jwk=jwt.algorithms.RSAAlgorithm.to_jwk(OTHER_RSA.public_key())
        ),
        "unknown critical header": with_header(key, algorithm, crit=["x"], x=1),
        "key id that is no text": unsigned({"alg": algorithm, "kid": 5}, **body),
        "claims that are no object": f"{segment({'alg': algorithm})}.{segment([1])}.{'A' * 43}",
    }


def _with_invalid_claims(signed: Any) -> dict[str, str]:
    """Return correctly signed tokens with invalid claims."""
    return {
        "expired": signed(iat=NOW - 900, exp=NOW - 60),
        "not yet valid": signed(nbf=NOW + A_DAY),
        "issued in the future": signed(iat=NOW + A_DAY, exp=NOW + 2 * A_DAY),
        "no expiry": signed(exp=None),
        "no issue time": signed(iat=None),
        "no user": signed(sub=None),
        "empty user": signed(user=""),
        "user that is no text": signed(sub=17),
        "user with a NUL": signed(user="a\0b"),
        "user that is too long": signed(user="a" * 256),
        "user that is no Unicode": signed(user="\ud800"),
        "expiry written as text": signed(exp=str(NOW + A_DAY)),
        "expiry that is true": signed(exp=True),
        "expiry that is no number": signed(exp=[]),
        "infinite expiry": signed(exp=INFINITE),
        "another issuer": signed(iss="https://evil.example"),
        "no issuer": signed(iss=None),
        "another audience": signed(aud="others"),
        "no audience": signed(aud=None),
    }
