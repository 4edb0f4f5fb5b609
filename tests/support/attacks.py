"""The table of attacks: what was tried against the product, and how often it worked.

Rows of the same case are added up, so one case may be tried on many routes by many tests.
"""

import time
from dataclasses import dataclass, replace
from typing import Any

from aiohttp import ClientSession, TCPConnector

from tests.support.api import Api
from tests.support.result_table import Properties, ResultTable

OTHER_ADDRESS = "127.0.0.2"
"""A second client on this machine."""


@dataclass(frozen=True)
class AttackFigures:
    """One attack: what was tried, and how much of it was refused.

    `victims` are requests of those who do nothing wrong meanwhile, None where there are none.
    `breaches` are attempts that worked, or victims that were harmed.
    """

    case: str
    attempts: int
    refused: int
    victims: int | None
    breaches: int
    seconds: float

    def broken_promises(self) -> list[str]:
        """Name the breaches, and a case that tried nothing."""
        flaws = [f"breaches: {self.breaches}"] if self.breaches else []
        return flaws if self.attempts else [*flaws, "nothing was tried"]

    def cells(self) -> list[str]:
        """Return the row of the table."""
        victims = "-" if self.victims is None else str(self.victims)
        figures = (self.attempts, self.refused, victims, self.breaches, round(self.seconds))
        return [self.case, *map(str, figures)]


def _rows(reported: list[dict[str, Any]]) -> list[list[str]]:
    """Return a row a case, and a last one that adds up all."""
    sums: dict[str, AttackFigures] = {}
    for figures in (AttackFigures(**value) for value in reported):
        for case in (figures.case, "all attacks"):
            sums[case] = _sum(sums[case], figures) if case in sums else replace(figures, case=case)
    total = sums.pop("all attacks", None)
    ordered = [sums[case] for case in sorted(sums)]
    return [figures.cells() for figures in (*ordered, *([total] if total else []))]


def _sum(one: AttackFigures, other: AttackFigures) -> AttackFigures:
    counted = [victims for victims in (one.victims, other.victims) if victims is not None]
    return AttackFigures(
        one.case,
        one.attempts + other.attempts,
        one.refused + other.refused,
        sum(counted) if counted else None,
        one.breaches + other.breaches,
        one.seconds + other.seconds,
    )


ATTACKS = ResultTable(
    "attack",
    "attacks: what was tried, and what worked",
    ("attack", "attempts", "refused", "victims", "breaches", "seconds"),
    _rows,
)


class AttackRecorder:
    """Takes the figures of one test; `seconds` of a row run from the one before it."""

    def __init__(self, properties: Properties) -> None:
        self._properties = properties
        self._since = time.monotonic()

    def __call__(
        self,
        case: str,
        *,
        attempts: int,
        refused: int,
        breaches: int | None = None,
        victims: int | None = None,
    ) -> None:
        """Add a row, then fail the test unless nothing worked and no victim was harmed.

        Without `breaches`, each attempt that was not refused is one.
        """
        now = time.monotonic()
        worked = attempts - refused if breaches is None else breaches
        figures = AttackFigures(case, attempts, refused, victims, worked, now - self._since)
        self._since = now
        ATTACKS.add(self._properties, figures)


def client_at(address: str) -> ClientSession:
    """Return a session that connects from an address of this machine."""
    return ClientSession(connector=TCPConnector(local_addr=(address, 0), limit=0))


def other_client(session: ClientSession, api: Api) -> Api:
    """Return a client of the same application that uses another session."""
    return Api(session, api.port)
