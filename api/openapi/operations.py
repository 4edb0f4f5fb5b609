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
    """What operations are listed under, and what they have in common."""

    CALLS = ("Calls", "What single calls cost and earn, as soon as they cost anything.")
    SPENDING = ("Spending", "What a user's calls came to, and will come to.")
    BUDGETS = ("Budgets", "What a user may spend, and the alerts about it.")
    CHANNELS = ("Channels", "Where a user is told of alerts: by email, SMS or webhook.")
    LIVE = ("Live", "Calls as they start, cost and end.")
    REPORTING = ("Reporting costs", "For services: may a call start, and what did it cost?")
    EVERYONE = ("Everyone", "For administrators: all users' calls, and whether all adds up.")
    PRICES = ("Prices", "For administrators: the catalogue by which costs are priced.")
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
