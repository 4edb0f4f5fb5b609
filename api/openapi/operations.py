"""What the document says of a route beside its method, its path and who may use it.

An operation stands in the same `Route` that the application is built from, and names the types that
its handler encodes and decodes. A parameter of a query is declared once, as the object by which it
is read, so that none can be read that the document does not know (`api/http/parameters.py`).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import Enum
from typing import Any, Final

JSON: Final = "application/json"
CSV: Final = "text/csv"


class Tag(Enum):
    """A group of operations: its title and description."""

    CALLS = ("Calls", "The cost of single calls, as it is counted.")
    SPENDING = ("Spending", "A user's past and expected spending.")
    BUDGETS = ("Budgets", "A user's limits, and the alerts about them.")
    CHANNELS = ("Notification channels", "Email, SMS and webhooks for a user's alerts.")
    LIVE = ("Live feed", "Active calls, alerts and the budget, as they change.")
    REPORTING = ("Cost intake", "For services: authorize calls and record costs.")
    EVERYONE = ("All users", "For administrators: all users' costs, and the reconciliation.")
    PRICES = ("Price catalogue", "For administrators: prices, proposals and late prices.")
    SERVICE = ("Service", "About the service itself; needs no token.")

    @property
    def title(self) -> str:
        """Its name."""
        return self.value[0]

    @property
    def says(self) -> str:
        """What its operations have in common."""
        return self.value[1]


@dataclass(frozen=True, slots=True, eq=False)
class Parameter:
    """A part of a query or a header: its name, what it means, and a JSON Schema of its text."""

    name: str
    says: str
    schema: Mapping[str, Any] = field(default_factory=lambda: {"type": "string"})
    required: bool = False

    @property
    def usually(self) -> Any:
        """What it is where it is not given; None where that is nothing."""
        return self.schema.get("default")

    @property
    def choices(self) -> tuple[str, ...]:
        """The texts that it may have, where these are few."""
        return tuple(self.schema.get("enum", ()))


@dataclass(frozen=True, slots=True)
class BareBody:
    """An answer that is JSON without the envelope of the others."""

    says: str
    schema: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class FileBody:
    """An answer that is no JSON: a text, or where it is `named` a file to be saved."""

    says: str
    media: str
    named: bool = True


@dataclass(frozen=True, slots=True)
class SocketMessages:
    """An answer that is a WebSocket: the types of what the server says and of what it takes."""

    says: str
    sent: Any
    taken: Any


@dataclass(frozen=True, slots=True, kw_only=True)
class Operation:
    """What one route does.

    `name` is its `operationId`, from which clients make functions: it never changes. `answers` is
    the type of the `data` of a success, or what is answered instead. A `tagged` answer carries an
    `ETag`. `takes` is the type of a JSON body, or types by `Content-Type`; `example` is one of the
    first of them, and an `optional` body may be left out. `fails` are the statuses of failures
    beside those that each route has.
    """

    name: str
    topic: Tag
    summary: str
    answers: Any
    status: int = 200
    tagged: bool = False
    takes: Any = None
    example: Any = None
    optional: bool = False
    query: tuple[Parameter, ...] = ()
    headers: tuple[Parameter, ...] = ()
    fails: tuple[int, ...] = ()
