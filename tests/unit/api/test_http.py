"""What all answers have in common, successes and errors."""

import asyncio
import logging
from collections.abc import AsyncIterator

import pytest

from api.http.options import ApiOptions, RequestLimits
from api.routes import health
from api.routes.health import ReadinessCheck
from ledger.postgres.database import Connection
from ledger.postgres.pool import Pool
from ledger.postgres.viewers import ReaderPool
from tests.support.api import ApiClient, ApiResponse, served, token

BUDGET = "/api/costs/user/alice/budget"
SPENDING = "/api/costs/user/alice/spending"
HEAD = (
    f"PUT {BUDGET} HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {token()}\r\nConnection: close\r\n"
)


def broken(error: BaseException) -> ReaderPool:
    """Return readers whose server is unreachable, or that raise an unexpected error."""

    async def fail() -> Connection:
        raise error

    return ReaderPool(Pool(fail, 1))


@pytest.fixture
async def api() -> AsyncIterator[ApiClient]:
    async with served() as api:
        yield api


def check_common(response: ApiResponse) -> None:
    assert response.headers["X-Content-Type-Options"] == "nosniff"
    assert response.headers["Referrer-Policy"] == "no-referrer"
    assert "default-src 'none'" in response.headers["Content-Security-Policy"]
    assert response.headers["Server"] == "cost-analytics"
    if response.body:
        assert response.headers["Content-Type"] == "application/json"
    if response.status >= 400:
        assert response.headers["Cache-Control"] == "no-store"
        assert response.code


async def test_errors_have_the_same_form_and_headers(api: ApiClient) -> None:
    requests: list[tuple[str, str, int, str]] = [
        ("GET", "/nothing", 404, "not_found"),
        ("GET", "/api/costs/nothing", 404, "not_found"),
        ("GET", "/api/costs/user//budget", 404, "not_found"),
        ("GET", BUDGET, 401, "unauthorized"),
        ("POST", BUDGET, 405, "method_not_allowed"),
        ("DELETE", "/health", 405, "method_not_allowed"),
        ("OPTIONS", BUDGET, 405, "method_not_allowed"),
        ("GET", f"{BUDGET}?{'x' * 2_049}", 414, "uri_too_long"),
    ]
    for method, path, status, code in requests:
        response = await api.ask(method, path)
        assert (response.status, response.code) == (status, code), (method, path)
        check_common(response)


async def test_wrong_method_names_the_allowed_ones(api: ApiClient) -> None:
    response = await api.ask("POST", BUDGET)
    assert set(response.headers["Allow"].replace(" ", "").split(",")) == {"GET", "HEAD", "PUT"}


async def test_health_needs_no_dependency(api: ApiClient) -> None:
    response = await api.get("/health")
    assert response.data == {"status": "ok"}
    check_common(response)
    assert (await api.ask("HEAD", "/health")).status == 200


@pytest.mark.parametrize(
    ("part", "flaw"),
    [("a" * 256, "must have 1 to 255 characters"), ("%00", "contains a NUL character"),
     ("%FF", "is not UTF-8"), ("%C3", "is not UTF-8"), ("a%2F%ff", "is not UTF-8")],
)  # fmt: skip
async def test_invalid_id_is_named(api: ApiClient, part: str, flaw: str) -> None:
    channels = "/api/costs/user/%61lice/channels"
    for method, path, name in (
        ("GET", f"/api/costs/user/{part}/budget", "userId"),
        ("DELETE", f"/api/costs/user/{part}/channels/%FF", "userId"),
        ("DELETE", f"{channels}/{part}", "channelId"),
        ("POST", f"{channels}/{part}/verify", "channelId"),
        ("POST", f"{channels}/{part}/test", "channelId"),
        ("GET", f"{channels}/{part}/deliveries", "channelId"),
        ("GET", f"/api/costs/call/{part}", "callId"),
    ):
        response = await api.ask(method, path, bearer=token())
        assert (response.status, response.code) == (400, "invalid_parameter"), path
        assert response.json["error"] == f"`{name}` {flaw}."


@pytest.mark.parametrize(
    ("user", "path"),
    [("a/b", "a%2Fb"), ("a/b", "a%2fb"), ("a%2Fb", "a%252Fb"), ("é €", "%C3%A9%20%E2%82%AC"),
     ("..", "%2E%2E"), ("a?b", "a%3Fb"), ("a+b", "a+b"), ("a;b", "a;b"), ("{a}", "{a}"),
     ("{", "%7B"), ("a}b", "a%7Db"), ("{userId}", "%7BuserId%7D"), ("a" * 255, "a" * 255)],
)  # fmt: skip
async def test_ids_are_decoded_exactly_once(user: str, path: str) -> None:
    async with served(broken(OSError("away"))) as api:
        response = await api.get(f"/api/costs/user/{path}/budget", user)
        assert response.code == "unavailable"
        assert (await api.get(f"/api/costs/user/{path}/budget", f"{user} ")).status in {403, 401}


@pytest.mark.parametrize("error", [OSError("refused"), TimeoutError()])
async def test_without_a_database_the_answer_is_503_with_retry_after(error: BaseException) -> None:
    async with served(broken(error)) as api:
        for path in (BUDGET, SPENDING, "/api/costs/call/some"):
            response = await api.get(path, "alice")
            assert (response.status, response.code) == (503, "unavailable")
            assert int(response.headers["Retry-After"]) > 0
            assert "refused" not in response.json["error"]
            check_common(response)


async def test_internal_error_shows_an_id_and_logs_a_trace(
    caplog: pytest.LogCaptureFixture,
) -> None:
    async with served(broken(ZeroDivisionError("inner secret"))) as api:
        response = await api.get(SPENDING, "alice")
    assert (response.status, response.code) == (500, "internal_error")
    assert b"inner secret" not in response.body
    error_id = response.json["error"].split()[-1].rstrip(".")
    [logged] = [entry for entry in caplog.records if error_id in entry.getMessage()]
    assert logged.exc_info
    assert logged.levelno == logging.ERROR


async def test_neither_tokens_nor_queries_are_logged(
    api: ApiClient, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    bearer = token("bob")
    await api.ask("GET", f"{BUDGET}?secret=query-secret&token={bearer}", bearer=bearer)
    await api.ask("GET", BUDGET, bearer=token("bob", key="another secret, and long enough too"))
    [line] = [entry for entry in caplog.records if entry.name == "api.http.access"][:1]
    assert f"GET {BUDGET} 403" in line.getMessage()
    assert line.__dict__["action"] == "request"
    # Ignore what the client of the tests logs.
    ours = [entry for entry in caplog.records if entry.name.startswith(("api", "aiohttp.s"))]
    everything = "".join(f"{entry.getMessage()}{entry.__dict__}" for entry in ours)
    assert "query-secret" not in everything
    assert bearer not in everything


async def held() -> bool:
    return True


async def not_held() -> bool:
    return False


async def failing() -> bool:
    raise LookupError("inner")


async def hanging() -> bool:
    await asyncio.Event().wait()
    return True


async def test_readiness_names_what_is_missing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(health, "CHECK_SECONDS_MAX", 0)
    checks = (
        ReadinessCheck("feed", held),
        ReadinessCheck("broker", not_held),
        ReadinessCheck("cache", failing),
        ReadinessCheck("clock", hanging),
    )
    async with served(broken(OSError("away")), checks=checks) as api:
        response = await api.get("/ready")
        assert (response.status, response.code) == (503, "not_ready")
        assert response.json["error"] == "Not ready: schema, broker, cache, clock."
        check_common(response)
        assert (await api.get("/health")).status == 200


async def test_body_size_is_limited(api: ApiClient) -> None:
    too_long = b"{" + b" " * 64 * 1024 + b"}"
    response = await api.ask("PUT", BUDGET, bearer=token(), body=too_long)
    assert (response.status, response.code) == (413, "payload_too_large")
    check_common(response)


async def test_body_of_unknown_length_is_limited(api: ApiClient) -> None:
    sent = f"{HEAD}Transfer-Encoding: chunked\r\n\r\n10001\r\n{' ' * 0x10001}\r\n0\r\n\r\n"
    response = await api.raw(sent.encode())
    assert response.startswith(b"HTTP/1.1 413 ")
    assert response.endswith(b'"code":"payload_too_large"}')


async def test_body_has_a_timeout() -> None:
    limits = RequestLimits(body_seconds=0)
    async with served(options=ApiOptions(limits=limits)) as api:
        response = await api.raw(f"{HEAD}Content-Length: 10\r\n\r\n{{".encode())
        assert response.startswith(b"HTTP/1.1 408 ")
        assert b'"request_timeout"' in response


async def test_expect_continue_is_answered_after_authorization(api: ApiClient) -> None:
    tail = "Expect: 100-continue\r\nContent-Length: 2\r\n\r\n[]"
    response = await api.raw(f"{HEAD}{tail}".encode())
    assert response.startswith(b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 400 ")
    large = await api.raw(f"{HEAD}{tail.replace('2', '65537')}".encode())
    assert large.startswith(b"HTTP/1.1 413 ")
    other_user = await api.raw(f"{HEAD.replace('alice', 'bob')}{tail}".encode())
    assert other_user.startswith(b"HTTP/1.1 403 ")


async def test_other_expectations_answer_417(api: ApiClient) -> None:
    response = await api.ask("PUT", BUDGET, bearer=token(), body={}, headers={"Expect": "more"})
    assert (response.status, response.code) == (417, "expectation_failed")
    check_common(response)
