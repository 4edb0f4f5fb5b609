"""OpenAPI descriptions of routes.

An operation is part of the `Route` that the application is built from, and names the types that the
handler encodes and decodes. A query parameter is declared once, by the object through which it is
read, so that no undocumented parameter can be read (`api/http/parameters.py`).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import Enum
from typing import Any, Final

JSON: Final = "application/json"
CSV: Final = "text/csv"
JSON_LINES: Final = "application/x-ndjson"


class Tag(Enum):
    """A group of operations: its title and description."""

    CALLS = ("Calls", "The cost of single calls, as it is counted.")
    SPENDING = ("Spending", "A user's past and expected costs and charges.")
    BUDGETS = ("Budgets", "A user's limits, and the alerts about them.")
    CHANNELS = ("Notification channels", "Email, SMS and webhooks for a user's alerts.")
    LIVE = ("Live feed", "Active calls, alerts and the budget, as they change.")
    REPORTING = ("Cost intake", "For services: authorize calls and record costs.")
    ALL_USERS = ("All users", "For administrators: all users' costs, and the reconciliation.")
    PRICES = ("Price catalogue", "For administrators: prices, proposals and late prices.")
    KEYS = ("API keys", "For administrators: keys by which services call the API.")
    WEBHOOKS = ("Webhooks of vendors", "For administrators: vendors that report calls by webhook.")
    CONTROL = ("Commands", "For administrators: commands that end calls, and their switch.")
    PEOPLE = ("Rights of people", "For administrators: a user's data as a file, and erasure.")
    SERVICE = ("Service", "About the service itself; needs no token.")

    @property
    def title(self) -> str:
        """The group's name."""
        return self.value[0]

    @property
    def description(self) -> str:
        """The group's description."""
        return self.value[1]


@dataclass(frozen=True, slots=True, eq=False)
class Parameter:
    """A query parameter or header: its name, description and JSON Schema."""

    name: str
    description: str
    schema: Mapping[str, Any] = field(default_factory=lambda: {"type": "string"})
    required: bool = False

    @property
    def default(self) -> Any:
        """The default value; None if there is none."""
        return self.schema.get("default")

    @property
    def choices(self) -> tuple[str, ...]:
        """The values of an enum parameter."""
        return tuple(self.schema.get("enum", ()))


@dataclass(frozen=True, slots=True)
class BareBody:
    """A JSON response without the envelope; `other_media` are other encodings of it."""

    description: str
    schema: Mapping[str, Any]
    other_media: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class FileBody:
    """A response that is not JSON: text, or a download if it is `named`."""

    description: str
    media: str
    named: bool = True


@dataclass(frozen=True, slots=True)
class SocketMessages:
    """A WebSocket: the types of the messages that the server sends and receives."""

    description: str
    sent: Any
    received: Any


@dataclass(frozen=True, slots=True, kw_only=True)
class Operation:
    """The OpenAPI operation of a route.

    `name` is its `operationId`, from which clients generate functions: it never changes. `response`
    is the type of the `data` of a success, or another kind of response; with `has_etag`, it has an
    `ETag`. `body` is the type of a JSON body, or types by `Content-Type`; `example` is an example
    of the first one, and an `optional` body may be left out. `error_statuses` are those in addition
    to the error statuses of every route.
    """

    name: str
    tag: Tag
    summary: str
    response: Any
    status: int = 200
    has_etag: bool = False
    body: Any = None
    example: Any = None
    optional: bool = False
    query: tuple[Parameter, ...] = ()
    headers: tuple[Parameter, ...] = ()
    error_statuses: tuple[int, ...] = ()
