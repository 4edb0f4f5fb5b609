"""What an attack costs those who do nothing wrong: figures of the tests in `integration/access`.

A test takes the fixture `record_attack` and reports a row with it. Rows travel as a property of
pytest's report, so whoever makes a table of them finds them there; they end each run, too.
"""

from collections.abc import Callable
from dataclasses import asdict, dataclass
from typing import Any

from aiohttp import ClientSession, TCPConnector

from tests.support import parts
from tests.support.api import Api

PROPERTY = "attack"
OTHER_ADDRESS = "127.0.0.2"
"""A second client on this machine."""


@dataclass(frozen=True)
class AttackFigures:
    """One attack: its requests, how many were refused; the victims' requests, how many failed."""

    case: str
    attempts: int
    refused: int
    victims: int
    harmed: int


class AttackRecorder:
    """Takes the figures of one test."""

    def __init__(self, record_property: Callable[[str, Any], None]) -> None:
        self._record_property = record_property

    def __call__(
        self, case: str, *, attempts: int, refused: int, victims: int, harmed: int
    ) -> None:
        """Add a row, then fail the test if a victim was harmed."""
        figures = AttackFigures(case, attempts, refused, victims, harmed)
        self._record_property(PROPERTY, asdict(figures))
        parts.figures.append(
            f"{case}: {attempts} requests, {refused} refused; "
            f"{harmed} of {victims} requests of others failed"
        )
        assert harmed == 0, figures


def client_at(address: str) -> ClientSession:
    """Return a session that connects from an address of this machine."""
    return ClientSession(connector=TCPConnector(local_addr=(address, 0), limit=0))


def other_client(session: ClientSession, api: Api) -> Api:
    """Return a client of the same application that uses another session."""
    return Api(session, api.port)
