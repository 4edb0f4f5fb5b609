"""Invalid request bodies are refused before the database is queried."""

from collections.abc import AsyncIterator
from typing import Any

import pytest

from tests.support.api import ApiClient, served, token
from tests.support.intake import EVENTS, FINALIZE, TRACK, MemoryEventStream

USER = "/api/costs/user/alice"
AUTHORIZE = f"{USER}/authorize"
NUL = "a\0b"


@pytest.fixture
async def api() -> AsyncIterator[ApiClient]:
    """Serve without a database: a query would answer 500."""
    async with served(events=MemoryEventStream()) as api:
        yield api


COST = {
    "callId": "c", "service": "twilio", "operation": "voice", "usageAmount": 1,
    "usageUnit": "minutes",
}  # fmt: skip
END = {"callId": "call-1", "status": "completed", "duration_seconds": 1, "amount": 1}
EVENT = {
    "specversion": "1.0", "id": "1", "source": "/s", "type": "call.refunded",
    "time": "2026-01-01T00:00:00Z", "data": {"callId": NUL, "amount": 1},
}  # fmt: skip
PRICE = {
    "service": "s", "operation": "o", "unit": "minutes", "price_usd": 1, "model": "m",
    "source": "page",
}  # fmt: skip
WITH_NUL: list[tuple[str, str, str, Any]] = [
    ("service", "POST", AUTHORIZE, {"callId": NUL, "estimatedCost": 1}),
    ("service", "POST", AUTHORIZE, {"callId": NUL, "expectedDuration_seconds": 1}),
    *(
        ("service", "POST", TRACK, COST | {name: NUL})
        for name in ("callId", "userId", "personaId", "service", "operation", "model", "usageUnit")
    ),
    ("service", "POST", TRACK, COST | {"metadata": {"a": NUL}}),
    *(("service", "POST", FINALIZE, END | {name: NUL}) for name in ("userId", "processor")),
    ("service", "POST", EVENTS, EVENT),
    ("service", "POST", EVENTS, [EVENT]),
    ("user", "PUT", f"{USER}/budget", {"timezone": NUL}),
    ("user", "PUT", f"{USER}/budget", {"channels": [{"type": "webhook", "address": NUL}]}),
    ("user", "POST", f"{USER}/channels", {"type": "webhook", "address": NUL}),
    *(
        ("admin", "POST", "/api/admin/prices", PRICE | {name: NUL})
        for name in ("service", "operation", "unit", "model", "source", "serviceClass")
    ),
    *(
        ("admin", "POST", "/api/admin/prices/aliases", {"service": "s", "alias": "a", name: NUL})
        for name in ("service", "alias", "model", "source")
    ),
]


@pytest.mark.parametrize(("role", "method", "path", "body"), WITH_NUL)
async def test_nul_character_is_refused(
    api: ApiClient, role: str, method: str, path: str, body: Any
) -> None:
    response = await api.ask(method, path, bearer=token(role=role), body=body)
    assert response.status == 400, response.body
    assert response.code in {"invalid_body", "invalid_event"}


async def test_invalid_call_id_is_named(api: ApiClient) -> None:
    body = {"callId": NUL, "estimatedCost": 1}
    response = await api.ask("POST", AUTHORIZE, bearer=token(role="service"), body=body)
    assert response.json["error"] == "`callId` contains a NUL character."


EMPTY = "The body is empty."
TRUNCATED = "is not JSON: it ends too soon."
BROKEN = "is not JSON: invalid character (byte 0)."
JSON = {b"": EMPTY, b" \n": EMPTY, b"{": TRUNCATED, b"wrong": BROKEN, b"\xff": "is not "}
ROUTES_WITH_BODY = [
    ("user", "PUT", f"{USER}/budget"),
    ("service", "POST", AUTHORIZE),
    ("service", "POST", TRACK),
    ("service", "POST", FINALIZE),
    ("service", "POST", EVENTS),
    ("admin", "POST", "/api/admin/prices"),
    ("admin", "POST", "/api/admin/prices/aliases"),
]


@pytest.mark.parametrize(("body", "message"), JSON.items())
async def test_invalid_json_body_is_refused(api: ApiClient, body: bytes, message: str) -> None:
    for role, method, path in ROUTES_WITH_BODY:
        response = await api.ask(method, path, bearer=token(role=role), body=body)
        assert (response.status, response.code) in {(400, "invalid_body"), (400, "invalid_json")}
        assert message in response.json["error"], path


@pytest.mark.parametrize(("body", "message"), [(b"", EMPTY), (b"[", TRUNCATED), (b"wrong", BROKEN)])
async def test_invalid_json_batch_is_refused(api: ApiClient, body: bytes, message: str) -> None:
    for kind in ("application/cloudevents-batch+json", "application/json"):
        headers = {"Content-Type": kind}
        bearer = token(role="service")
        response = await api.ask("POST", EVENTS, bearer=bearer, headers=headers, body=body)
        assert response.code == "invalid_json"
        assert message in response.json["error"]


async def test_incomplete_channel_is_refused(api: ApiClient) -> None:
    for body, message in ((b"", "`type`"), (b"{", TRUNCATED), (b"wrong", BROKEN)):
        response = await api.ask("POST", f"{USER}/channels", bearer=token(), body=body)
        assert response.code == "invalid_body"
        assert message in response.json["error"]
