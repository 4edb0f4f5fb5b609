"""The OpenAPI document is valid, complete, and agrees with the routes."""

import gzip
import json
import re
import subprocess
import sys
from collections.abc import AsyncIterator, Callable, Iterator
from typing import Any, cast

import pytest
from aiohttp.test_utils import make_mocked_request
from openapi_spec_validator import OpenAPIV31SpecValidator

from api.app import build_app
from api.http.access import ROUTE, ROUTES, Access, Route
from api.http.options import ApiOptions
from api.http.parameters import value_of
from api.openapi.failures import FAILURES, FOR_ALL_ROUTES
from api.openapi.operations import Operation, Parameter, SocketMessages
from api.openapi.routes import product_version
from ledger.postgres.pool import Pool
from ledger.postgres.viewers import ReaderPool
from schemas.problems import ProblemCode
from tests.support import documented_answers
from tests.support.api import ApiClient, authenticator, served, token
from tests.support.house import ROOT, modules

ALL = build_app(ReaderPool(cast(Pool, None)), authenticator())[ROUTES]
DESCRIBED = [(route, route.operation) for route in ALL if route.operation]
TEXT = (ROOT / "docs" / "api.md").read_text(encoding="utf-8")
REQUIRED_VALUES = {"from": "2025-11-01", "type": "calls"}
"""Valid values of the required parameters."""


@pytest.fixture
async def api() -> AsyncIterator[ApiClient]:
    async with served(options=ApiOptions(cors_origins=("https://app.example",))) as api:
        yield api


@pytest.fixture
async def data(api: ApiClient) -> Any:
    return json.loads((await api.get("/openapi.json")).body)


async def test_document_is_valid(data: Any) -> None:
    OpenAPIV31SpecValidator(data).validate()
    assert data["openapi"].startswith("3.1.")
    assert data["info"]["version"] == product_version() != "0"
    assert data["servers"] == [{"url": "/"}]


@pytest.mark.parametrize(
    "change",
    [
        lambda data: data["info"].pop("version"),
        lambda data: data["paths"]["/health"]["get"].update(responses=[]),
        lambda data: data["components"]["schemas"]["Accepted"].update(type="objekt"),
        lambda data: data["components"]["schemas"].update(Lost={"$ref": "#/components/gone"}),
    ],
    ids=["no version", "wrong responses", "unknown type", "dead reference"],
)
async def test_validator_finds_a_planted_fault(data: Any, change: Callable[[Any], object]) -> None:
    change(data)
    with pytest.raises(Exception, match=r"version|responses|objekt|gone"):
        OpenAPIV31SpecValidator(data).validate()


async def test_command_prints_the_served_document_without_settings(data: Any) -> None:
    command = [sys.executable, "-m", "api.openapi"]
    done = subprocess.run(command, capture_output=True, check=True, cwd=ROOT, env={}, timeout=60)
    assert json.loads(done.stdout) == data


async def test_document_lists_exactly_the_routes(data: Any) -> None:
    listed = {(method.upper(), path) for path in data["paths"] for method in data["paths"][path]}
    assert listed == {(route.method, route.path) for route, _ in DESCRIBED}
    left_out = {route.path for route in ALL if not route.operation}
    assert not [path for path in left_out if path.startswith("/api")]
    assert not left_out & {"/health", "/ready", "/metrics", "/openapi.json"}


async def test_access_of_each_route_is_described(data: Any) -> None:
    for route, operation in DESCRIBED:
        described = data["paths"][route.path][route.method.lower()]
        assert described["operationId"] == operation.name
        assert described["tags"] == [operation.tag.title]
        assert route.access.value in described["description"]
        assert (described.get("security") == []) is (route.access is Access.ANYONE)
        assert ("401" in described["responses"]) is (route.access is not Access.ANYONE)


def test_operation_names_are_unique_identifiers() -> None:
    names = [operation.name for _, operation in DESCRIBED]
    assert len(set(names)) == len(names)
    assert all(re.fullmatch("[a-z][A-Za-z]+", name) for name in names)


def test_every_failure_is_described() -> None:
    before_a_route = {"method_not_allowed", "uri_too_long", "expectation_failed"}
    codes = [code for failed in FAILURES.values() for code in failed.codes]
    assert {*codes} | before_a_route == {*ProblemCode.__args__}  # type: ignore[attr-defined]
    rows = re.findall(r"^\| (\d{3}) \| (`.+?`) \| ", TEXT.split("## GET")[0], re.MULTILINE)
    listed = {code: int(status) for status, some in rows for code in re.findall(r"`(\w+)`", some)}
    for status, failed in FAILURES.items():
        assert {listed[code] for code in failed.codes} == {status}
    assert set(FOR_ALL_ROUTES) <= FAILURES.keys()


def parameters() -> Iterator[Any]:
    for route, operation in DESCRIBED:
        for parameter in operation.query:
            yield pytest.param(route, operation, parameter, id=f"{operation.name} {parameter.name}")


@pytest.mark.parametrize(("route", "operation", "parameter"), [*parameters()])
async def test_every_documented_parameter_is_read(
    api: ApiClient, route: Route, operation: Operation, parameter: Parameter
) -> None:
    """A parameter with an error is refused by name, so the route reads it under this name."""
    path = re.sub(r"{\w+}", "alice", route.path)
    query = {one.name: REQUIRED_VALUES[one.name] for one in operation.query if one.required}
    if {"period", "startDate"} <= {
        one.name for one in operation.query
    } and "Date" in parameter.name:
        query |= {"period": "custom", "startDate": "2025-11-01", "endDate": "2025-11-02"}
    repeated, error = [query.get(parameter.name, "true")] * 2, "may be given only once"
    if parameter.schema["type"] == "array":
        repeated = [f"a%3A{number}" for number in range(parameter.schema["maxItems"] + 1)]
        error = "may be given at most"
    if parameter.name == "groupLimit":
        query |= {"groupBy": "model"}
    pairs = [*query.items(), *((parameter.name, text) for text in repeated)]
    query_string = "&".join(f"{name}={text}" for name, text in pairs)
    by_ticket = isinstance(operation.response, SocketMessages)
    bearer = None if by_ticket else token("alice", role="admin")
    refused = await api.ask(route.method, f"{path}?{query_string}", bearer=bearer)
    assert (refused.status, refused.code) == (400, "invalid_parameter")
    assert f"`{parameter.name}` {error}" in refused.json["error"]


def test_undeclared_parameter_cannot_be_read() -> None:
    request = make_mocked_request("GET", "/?limit=1")
    route, operation = DESCRIBED[0]
    request[ROUTE] = route
    undeclared = Parameter("limit", "Of no route.")
    assert undeclared not in operation.query
    with pytest.raises(LookupError, match="does not declare `limit`"):
        value_of(request, undeclared)


def test_queries_are_read_in_one_place() -> None:
    """The gate reads only whether there is a ticket, to count authentication attempts."""
    readers = {module.path for module in modules("api") if "request.query" in "".join(module.lines)}
    assert readers == {"api/http/parameters.py", "api/http/gate.py"}


async def test_document_is_cached_and_compressed(api: ApiClient) -> None:
    origin = {"Origin": "https://app.example"}
    response = await api.get("/openapi.json", headers=origin | {"Accept-Encoding": "identity"})
    assert (response.status, response.headers["Content-Type"]) == (200, "application/json")
    assert response.headers["Access-Control-Allow-Origin"] == "https://app.example"
    again = await api.get("/openapi.json", headers={"If-None-Match": response.headers["ETag"]})
    assert (again.status, again.body) == (304, b"")
    raw = await api.raw(
        b"GET /openapi.json HTTP/1.1\r\nHost: a\r\nAccept-Encoding: gzip\r\nConnection: close\r\n\r\n"
    )
    head, _, body = raw.partition(b"\r\n\r\n")
    assert b"Content-Encoding: gzip" in head
    assert gzip.decompress(body) == response.body
    assert (await api.ask("HEAD", "/openapi.json")).body == b""


def examples() -> Iterator[Any]:
    """Yield each example answer of docs/api.md with its route."""
    for section in re.split(r"^## ", TEXT, flags=re.MULTILINE):
        heading = re.match(r"([A-Z]+) (/\S+?)(,|$)", section.splitlines()[0])
        for block in re.findall(r"```json\n(.*?)```", section, re.DOTALL):
            if '"success"' not in block:
                continue  # a part of an answer
            assert heading
            yield pytest.param(heading[1], heading[2], block, id=f"{heading[1]} {heading[2]}")


@pytest.mark.parametrize(("method", "path", "block"), [*examples()])
def test_documented_answers_fit_their_schemas(method: str, path: str, block: str) -> None:
    data = documented_answers.operation(method, re.sub(r"{\w+}", "x", path))
    assert data
    code = json.loads(block).get("code")
    statuses = [str(status) for status, failure in FAILURES.items() if code in failure.codes]
    [status] = statuses or [status for status in data["responses"] if status[0] == "2"]
    response = data["responses"][status]
    content = documented_answers.resolved(response)["content"]
    documented_answers.assert_fits(block.encode(), content["application/json"]["schema"])


def test_undocumented_answers_fail_the_test_client() -> None:
    """The client of the tests raises for each answer that is not documented."""

    class FakeAnswer:
        def __init__(self, status: int, body: Any, **headers: str) -> None:
            self.status, self.body = status, json.dumps(body).encode()
            self.headers = {"Content-Type": "application/json", **headers}

    path, good = "/health", {"success": True, "data": {"status": "ok"}}
    documented_answers.check_answer("GET", path, ({}, None), FakeAnswer(200, good))
    for wrong in (
        FakeAnswer(201, good),
        FakeAnswer(200, {"success": True, "data": {}}),
        FakeAnswer(200, good, ETag='"1"'),
        FakeAnswer(500, {"success": False, "error": "", "code": "no_such_code"}),
    ):
        with pytest.raises(Exception, match=r"\w"):
            documented_answers.check_answer("GET", path, ({}, None), wrong)
    with pytest.raises(AssertionError, match="Retry-After"):
        documented_answers.check_answer(
            "GET",
            "/ready",
            ({}, None),
            FakeAnswer(503, {"success": False, "error": "", "code": "not_ready"}),
        )
    accepted = FakeAnswer(202, {"success": True, "data": {"accepted": []}})
    with pytest.raises(Exception, match="required property"):
        documented_answers.check_answer(
            "POST", "/api/costs/track", ({}, b'{"nonsense": 1}'), accepted
        )


@pytest.mark.parametrize("name", [one.name for _, one in DESCRIBED if one.body is not None])
def test_examples_of_bodies_fit_their_schemas(name: str) -> None:
    methods = [
        method
        for path in documented_answers.openapi_document()["paths"].values()
        for method in path.values()
    ]
    media_types = next(
        one["requestBody"]["content"] for one in methods if one["operationId"] == name
    )
    first = next(iter(media_types.values()))
    documented_answers.assert_fits(json.dumps(first["example"]).encode(), first["schema"])
