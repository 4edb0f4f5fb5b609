"""Checks every answer of every test against the OpenAPI document.

Each of these fails the test that caused it: an undocumented answer, a body that does not fit its
schema, a missing header, and an accepted request body that does not fit its schema.
"""

import json
import re
from collections.abc import Mapping
from decimal import Decimal
from functools import cache
from typing import Any, Final
from urllib.parse import parse_qsl

from jsonschema import Draft202012Validator
from referencing import Registry
from referencing.jsonschema import DRAFT202012

from api.openapi.__main__ import api_document

JSON: Final = "application/json"
FORM: Final = "application/x-www-form-urlencoded"
BEFORE_A_ROUTE: Final = {405, 414, 417}
"""Statuses before a route is found, which no operation documents."""
_URI: Final = "urn:openapi"


@cache
def openapi_document() -> dict[str, Any]:
    """Return the OpenAPI document."""
    return api_document()


def resolved(part: dict[str, Any]) -> dict[str, Any]:
    """Return a part of the document, following its references."""
    while "$ref" in part:
        found: Any = openapi_document()
        for name in part["$ref"].removeprefix("#/").split("/"):
            found = found[name]
        part = found
    return part


@cache
def operation(method: str, path: str) -> dict[str, Any] | None:
    """Return the operation of a method and a path, or None without one."""
    for template, methods in openapi_document()["paths"].items():
        if re.fullmatch(re.sub(r"{\w+}", "[^/]+", template), path):
            found: dict[str, Any] | None = methods.get(
                "get" if method == "HEAD" else method.lower()
            )
            return found
    return None


@cache
def _validator(text: str) -> Draft202012Validator:
    registry = Registry().with_resource(_URI, DRAFT202012.create_resource(openapi_document()))
    whole = json.loads(text.replace('"#/', f'"{_URI}#/'))
    checker = Draft202012Validator.FORMAT_CHECKER
    return Draft202012Validator(whole, registry=registry, format_checker=checker)


def assert_fits(body: bytes, schema: dict[str, Any]) -> None:
    """Raise ValidationError for a body that does not fit a schema."""
    _validator(json.dumps(schema)).validate(json.loads(body, parse_float=Decimal))


def part(name: str) -> dict[str, Any]:
    """Return the schema of a named part of the document."""
    return {"$ref": f"#/components/schemas/{name}"}


def check_answer(
    method: str, path: str, sent: tuple[Mapping[str, str], bytes | None], got: Any
) -> None:
    """Raise AssertionError or ValidationError for an undocumented answer."""
    described = operation(method, path.partition("?")[0])
    if described is None:
        return
    responses = described["responses"]
    if got.status in BEFORE_A_ROUTE:
        response = resolved(responses["default"])
    else:
        assert str(got.status) in responses, f"{method} {path} answers {got.status}"
        response = resolved(responses[str(got.status)])
    missing = [name for name in response.get("headers", {}) if name not in got.headers]
    assert not missing, f"{method} {path} answers {got.status} without {missing}"
    if got.status == 200 and "ETag" in got.headers:
        assert "ETag" in response.get("headers", {}), f"{method} {path} has an ETag"
    if got.status < 300:
        _check_accepted_body(described, *sent)
    content = response.get("content", {})
    media = got.headers.get("Content-Type", "").partition(";")[0]
    if method != "HEAD" and content:
        assert media in content, f"{method} {path} answers {media}"
        if media == JSON:
            assert_fits(got.body, content[media]["schema"])


def check_message(message: str) -> None:
    """Raise ValidationError for an undocumented message of a live socket."""
    described = operation("GET", "/api/costs/live")
    assert described
    assert_fits(message.encode(), described["x-websocket"]["sent"])


def _check_accepted_body(
    described: dict[str, Any], headers: Mapping[str, str], body: bytes | None
) -> None:
    """Raise ValidationError for an accepted request body that does not fit."""
    takes = described.get("requestBody", {}).get("content", {})
    if takes and not body:
        assert not described["requestBody"]["required"], (
            f"{described['operationId']} takes no body, too"
        )
    if not takes or not body or "Content-Encoding" in headers:
        return
    media = headers.get("Content-Type", JSON).partition(";")[0]
    if media == FORM:
        body = json.dumps(dict(parse_qsl(body.decode(), keep_blank_values=True))).encode()
    elif "json" not in media:  # traces in protobuf
        return
    assert_fits(body, takes.get(media, takes[JSON])["schema"])
