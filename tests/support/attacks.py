"""The table of attacks: attempts against the product, and how many succeeded.

Rows of the same case are added up, so several tests may try a case on many routes.
"""

import time
from dataclasses import dataclass, replace
from typing import Any

from aiohttp import ClientSession, TCPConnector

from tests.support.api import ApiClient
from tests.support.result_table import Properties, ResultTable

OTHER_ADDRESS = "127.0.0.2"
"""A second client on this machine."""


@dataclass(frozen=True)
class AttackFigures:
    """One attack: attempts, and how many were refused.

    `victims` are requests of legitimate clients meanwhile, None without any. `breaches` are
    successful attempts and harmed victims.
    """

    case: str
    attempts: int
    refused: int
    victims: int | None
    breaches: int
    seconds: float

    def broken_promises(self) -> list[str]:
        """Name the breaches, and a case without attempts."""
        flaws = [f"breaches: {self.breaches}"] if self.breaches else []
        return flaws if self.attempts else [*flaws, "nothing was tried"]

    def cells(self) -> list[str]:
        """Return the row of the table."""
        victims = "-" if self.victims is None else str(self.victims)
        figures = (self.attempts, self.refused, victims, self.breaches, round(self.seconds))
        return [self.case, *map(str, figures)]


def _rows(reported: list[dict[str, Any]]) -> list[list[str]]:
    """Return a row for each case, and a last one with the sums."""
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
    """Records the figures of a test; the `seconds` of a row begin with the row before."""

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
        """Add a row, then fail the test if it has breaches.

        Without `breaches`, each attempt that was not refused is one.
        """
        now = time.monotonic()
        worked = attempts - refused if breaches is None else breaches
        figures = AttackFigures(case, attempts, refused, victims, worked, now - self._since)
        self._since = now
        ATTACKS.add(self._properties, figures)


def client_at(address: str) -> ClientSession:
    """Return a session that connects from another address of this machine."""
    return ClientSession(connector=TCPConnector(local_addr=(address, 0), limit=0))


def other_client(session: ClientSession, api: ApiClient) -> ApiClient:
    """Return a client of the same application with another session."""
    return ApiClient(session, api.port)
