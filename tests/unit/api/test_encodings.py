"""Compressed request bodies: decoded within the limit, and refused if broken."""

import gzip
import json
import zlib
from collections.abc import AsyncIterator

import pytest

from api.http.encodings import decode_body
from api.http.problems import Problem
from tests.support.api import ApiClient, served, token
from tests.support.intake import EVENTS, FINALIZE, TRACK

BUDGET = "/api/costs/user/alice/budget"
CHANNELS = "/api/costs/user/alice/channels"
SERVICE = token("pipeline", role="service")
PLAIN = json.dumps({"dailyLimit_usd": -1}).encode()
"""A valid body with an unknown field: it is refused without a database."""
PACKED = {
    "gzip": gzip.compress(PLAIN),
    "X-GZIP": gzip.compress(PLAIN),
    "deflate": zlib.compress(PLAIN),
    "Deflate": zlib.compress(PLAIN, wbits=-15),
    "identity": PLAIN,
    "": PLAIN,
}


@pytest.fixture
async def api() -> AsyncIterator[ApiClient]:
    async with served() as api:
        yield api


def sent_as(encoding: str) -> dict[str, str]:
    return {"Content-Encoding": encoding}


@pytest.mark.parametrize("encoding", PACKED)
async def test_compressed_body_is_read(api: ApiClient, encoding: str) -> None:
    response = await api.ask(
        "PUT", BUDGET, bearer=token(), headers=sent_as(encoding), body=PACKED[encoding]
    )
    assert response.code == "invalid_body"
    assert "`dailyLimit_usd`" in response.json["error"]


@pytest.mark.parametrize(
    ("method", "path"),
    [("PUT", BUDGET), ("POST", CHANNELS), ("POST", f"{CHANNELS}/some/verify"),
     ("POST", "/api/costs/user/alice/authorize"), ("POST", TRACK), ("POST", FINALIZE),
     ("POST", EVENTS)],
)  # fmt: skip
async def test_broken_compressed_body_is_refused(api: ApiClient, method: str, path: str) -> None:
    bearer = token() if path.startswith((BUDGET, CHANNELS)) else SERVICE
    for encoding in ("gzip", "deflate"):
        for body, message in (
            (b"\xff{}", f"not valid {encoding}"),
            (PACKED[encoding][:-1], "ends too soon"),
            (PACKED[encoding] + b"x", "after the end"),
        ):
            response = await api.ask(
                method, path, bearer=bearer, headers=sent_as(encoding), body=body
            )
            assert (response.status, response.code) == (400, "bad_request"), (encoding, body)
            assert message in response.json["error"]


@pytest.mark.parametrize("encoding", ["foo", "br", "gzip, gzip", "gzip,identity"])
async def test_unknown_encoding_is_refused(api: ApiClient, encoding: str) -> None:
    response = await api.ask("PUT", BUDGET, bearer=token(), headers=sent_as(encoding), body=PLAIN)
    assert (response.status, response.code) == (415, "unsupported_media_type")
    assert response.headers["Accept-Encoding"] == "gzip, deflate"


async def test_decompressed_body_is_limited(api: ApiClient) -> None:
    large = gzip.compress(b" " * (64 * 1024 + 1))
    response = await api.ask("PUT", BUDGET, bearer=token(), headers=sent_as("gzip"), body=large)
    assert (response.status, response.code) == (413, "payload_too_large")


def test_body_at_the_limit_is_read() -> None:
    for size in (0, 1, 999, 1_000):
        assert decode_body(gzip.compress(b"x" * size), "gzip", 1_000) == b"x" * size
    with pytest.raises(Problem) as refused:
        decode_body(gzip.compress(b"x" * 1_001), "gzip", 1_000)
    assert refused.value.status == 413
