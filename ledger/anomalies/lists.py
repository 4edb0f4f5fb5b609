"""Lists what was unusual about costs, on behalf of one viewer."""

from __future__ import annotations

from datetime import date, datetime
from typing import Final, NamedTuple

from ledger.postgres.functions import reads
from ledger.postgres.viewers import ReaderPool, Viewer

_READS: Final = reads("anomalies/lists")


class AnomalyFilter(NamedTuple):
    """Which anomalies are wanted, None for any; days are UTC days, both included."""

    kind: str | None = None
    service: str | None = None
    first_day: date | None = None
    last_day: date | None = None


class AnomalyRow(NamedTuple):
    """An anomaly: its place, its JSON, and when it was found to be in order after all."""

    seq: int
    data: str
    resolved_at: datetime | None


class AnomalyPage(NamedTuple):
    """Anomalies, latest first, and where the next page begins, None after the last."""

    rows: list[AnomalyRow]
    before: int | None


async def list_anomalies(
    readers: ReaderPool,
    viewer: Viewer,
    user_id: str | None,
    wanted: AnomalyFilter,
    *,
    before: int | None,
    most: int,
) -> AnomalyPage:
    """Return a page of a user's anomalies, of all users' without one.

    A viewer who may not see them is shown none. Raises StoreUnavailableError.
    """
    name = "of_everyone" if user_id is None else "of_user"
    page_of = _READS.bind(
        name,
        user_id=user_id,
        **viewer.parameters,
        before=before,
        **wanted._asdict(),
        most=most + 1,
    )
    rows = await readers.read(viewer, *page_of)
    page = [AnomalyRow(*row) for row in rows[:most]]
    return AnomalyPage(page, page[-1].seq if len(rows) > most else None)
