"""Generates the OpenAPI document from the routes and the types they encode and decode.

Routes without an operation are left out: the pages of the dashboard and their assets.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from inspect import cleandoc
from typing import Any, Final, cast

from api.http.access import Access, Route
from api.http.parameters import NAME
from api.openapi.failures import FAILURES, HEADERS, OTHER_FAILURES, headers, responses, statuses
from api.openapi.operations import (
    JSON,
    BareBody,
    FileBody,
    Operation,
    Parameter,
    SocketMessages,
    Tag,
)
from schemas.described import DescribedType, describe_types
from schemas.problems import Failure
from schemas.replies import Success

OPENAPI: Final = "3.1.0"
_SCHEMAS: Final = "#/components/schemas/{name}"
_DESCRIPTION: Final = """\
The costs and revenue of AI phone calls, exact and live.

* A success is `{"success": true, "data": …}`, a failure is
  `{"success": false, "error": "a sentence", "code": "snake_case"}`.
* Money is a number of US dollars, written exactly: a client that must not round reads JSON numbers
  as decimals. Fields that end in `_seconds`, `_percent` or `_usd` have that unit.
* Times are UTC, days are UTC days.
* Each `GET` route also supports `HEAD`. Responses with an `ETag` support `If-None-Match`.
* Ids in paths are percent-encoded. Unknown parameters are refused (400).
* Any request with a token may get 429 with `Retry-After`."""
_BEARER: Final = {
    "type": "http",
    "scheme": "bearer",
    "bearerFormat": "JWT",
    "description": "A JSON Web Token: `sub` is the user, `role` is `user`, `admin` or `service`. "
    "Or the key of a service, on the routes that its scopes allow.",
}
_SIGNATURE: Final = {
    "type": "apiKey",
    "in": "header",
    "name": "Signature",
    "description": "The vendor's signature of the body, in the header that the vendor documents.",
}
_PATH_PARTS: Final[Mapping[str, Mapping[str, Any]]] = {
    "callId": {"description": "The call.", "schema": NAME},
    "userId": {"description": "The user.", "schema": NAME},
    "channelId": {"description": "The channel.", "schema": NAME},
    "alertId": {"description": "The alert.", "schema": NAME},
    "budgetId": {"description": "The scoped budget.", "schema": NAME},
    "anomalyId": {"description": "The anomaly.", "schema": NAME},
    "keyId": {
        "description": "The number of the key.",
        "schema": {"type": "string", "pattern": "^[0-9]{1,9}$"},
    },
    "provider": {"description": "The vendor.", "schema": NAME},
    "endpointId": {"description": "The endpoint.", "schema": NAME},
    "secretId": {
        "description": "The number of the secret.",
        "schema": {"type": "string", "pattern": "^[0-9]{1,9}$"},
    },
    "proposalId": {
        "description": "The number of the proposal.",
        "schema": {"type": "integer", "minimum": 0, "maximum": 999_999_999},
    },
}
_IF_NONE_MATCH: Final = {
    "name": "If-None-Match",
    "in": "header",
    "description": "The `ETag` of the cached body; 304 if it has not changed.",
    "schema": {"type": "string"},
}


@dataclass(frozen=True)
class _Types:
    """The schemas of all types that operations use, each generated once."""

    schemas: Mapping[DescribedType, dict[str, Any]]
    named: Mapping[str, Any]

    @classmethod
    def of(cls, operations: Sequence[Operation]) -> _Types:
        described = {
            DescribedType(Failure, incoming=False),
            *(kind for operation in operations for kind in _types_of(operation)),
        }
        return cls.described(frozenset(described))

    @classmethod
    @lru_cache(maxsize=1)  # tests build the application for each case
    def described(cls, types: frozenset[DescribedType]) -> _Types:
        # In an order that is the same at each start.
        ordered = sorted(types, key=repr)
        schemas, named = describe_types(ordered, _SCHEMAS)
        return cls(dict(zip(ordered, schemas, strict=True)), dict(sorted(named.items())))

    def response_schema(self, kind: Any) -> dict[str, Any]:
        return self.schemas[DescribedType(kind, incoming=False)]

    def request_schema(self, kind: Any) -> dict[str, Any]:
        if isinstance(kind, tuple):
            return {"anyOf": [self.request_schema(alternative) for alternative in kind]}
        return self.schemas[DescribedType(kind, incoming=True)]


def document(routes: Sequence[Route], version: str) -> dict[str, Any]:
    """Return the document; `version` is the product's version."""
    described_routes = [(route, route.operation) for route in routes if route.operation]
    types = _Types.of([operation for _, operation in described_routes])
    paths: dict[str, dict[str, Any]] = {}
    for route, operation in described_routes:
        paths.setdefault(route.path, {})[route.method.lower()] = _operation(route, operation, types)
    return {
        "openapi": OPENAPI,
        "info": {
            "title": "Cost Analytics",
            "version": version,
            "description": _DESCRIPTION,
            "license": {"name": "Apache-2.0", "identifier": "Apache-2.0"},
        },
        "servers": [{"url": "/"}],
        "security": [{"bearer": []}],
        "tags": [{"name": tag.title, "description": tag.description} for tag in Tag],
        "paths": paths,
        "components": {
            "securitySchemes": {"bearer": _BEARER, "signature": _SIGNATURE},
            "schemas": types.named,
            "parameters": {"IfNoneMatch": _IF_NONE_MATCH},
            "headers": HEADERS,
            "responses": {
                **responses(),
                "NotModified": {
                    "description": "The body has not changed since `If-None-Match`.",
                    "headers": headers("ETag"),
                },
            },
        },
    }


def _types_of(operation: Operation) -> Iterator[DescribedType]:
    """Yield the types that an operation sends and receives."""
    response = operation.response
    if isinstance(response, SocketMessages):
        yield DescribedType(response.sent, incoming=False)
        yield DescribedType(response.received, incoming=True)
    elif not isinstance(response, BareBody | FileBody):
        yield DescribedType(_envelope_type(response), incoming=False)
    for kind in _bodies(operation).values():
        for alternative in kind if isinstance(kind, tuple) else (kind,):
            yield DescribedType(alternative, incoming=True)


def _envelope_type(kind: Any) -> Any:
    """Return the type of a response envelope with this `data`."""
    return cast(Any, Success)[kind]


def _bodies(operation: Operation) -> Mapping[str, Any]:
    """Return the types of an operation's body, by media type."""
    if operation.body is None:
        return {}
    return operation.body if isinstance(operation.body, Mapping) else {JSON: operation.body}


def _operation(route: Route, operation: Operation, types: _Types) -> dict[str, Any]:
    """Return the OpenAPI description of a route."""
    is_guarded = route.access is not Access.ANYONE
    failures = statuses(
        guarded=is_guarded, has_body=operation.body is not None, others=operation.error_statuses
    )
    description: dict[str, Any] = {
        "operationId": operation.name,
        "tags": [operation.tag.title],
        "summary": operation.summary,
        "description": f"{cleandoc(route.handler.__doc__ or '')}\n\nFor {route.access.value}.",
        "parameters": _parameters(route, operation),
        "responses": {
            **_successes(operation, types),
            **{str(status): _response_reference(FAILURES[status].name) for status in failures},
            "default": _response_reference(OTHER_FAILURES),
        },
    }
    if operation.body is not None:
        content = {
            media: {"schema": types.request_schema(kind)}
            for media, kind in _bodies(operation).items()
        }
        next(iter(content.values()))["example"] = operation.example
        description["requestBody"] = {"content": content, "required": not operation.optional}
    if not is_guarded:
        description["security"] = []
    elif route.access is Access.SIGNED:
        description["security"] = [{"signature": []}]
    elif route.credential_sources is not None:
        # A token, or another credential that the response's description names.
        description["security"] = [{"bearer": []}, {}]
    if isinstance(operation.response, SocketMessages):
        description["x-websocket"] = {
            "sent": types.response_schema(operation.response.sent),
            "taken": types.request_schema(operation.response.received),
        }
    return {name: value for name, value in description.items() if value or name == "security"}


def _successes(operation: Operation, types: _Types) -> dict[str, Any]:
    """Return the success responses of an operation."""
    response = operation.response
    if isinstance(response, SocketMessages):
        return {"101": {"description": response.description}}
    if isinstance(response, FileBody):
        file = {response.media: {"schema": {"type": "string"}}}
        head = {"headers": headers("Content-Disposition")} if response.named else {}
        return {"200": {"description": response.description, **head, "content": file}}
    others: tuple[str, ...] = ()
    if isinstance(response, BareBody):
        description, schema = response.description, response.schema
        others = response.other_media
    else:
        description, schema = (
            f"{operation.summary}.",
            types.response_schema(_envelope_type(response)),
        )
    content: dict[str, Any] = {JSON: {"schema": schema}, **{media: {} for media in others}}
    success: dict[str, Any] = {"description": description, "content": content}
    if not operation.has_etag:
        return {str(operation.status): success}
    success["headers"] = headers("ETag")
    return {str(operation.status): success, "304": _response_reference("NotModified")}


def _parameters(route: Route, operation: Operation) -> list[dict[str, Any]]:
    path = [
        {"name": name, "in": "path", "required": True, **_PATH_PARTS[name]}
        for name in re.findall(r"{(\w+)}", route.path)
    ]
    query = [_parameter(parameter, "query") for parameter in operation.query]
    heads = [_parameter(header, "header") for header in operation.headers]
    match = [{"$ref": "#/components/parameters/IfNoneMatch"}] if operation.has_etag else []
    return [*path, *query, *heads, *match]


def _parameter(parameter: Parameter, location: str) -> dict[str, Any]:
    needed = {"required": True} if parameter.required else {}
    return {
        "name": parameter.name,
        "in": location,
        "description": parameter.description,
        **needed,
        "schema": parameter.schema,
    }


def _response_reference(response: str) -> dict[str, str]:
    return {"$ref": f"#/components/responses/{response}"}
