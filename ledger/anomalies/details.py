"""Reads one anomaly with the costs that its chart shows, on behalf of a viewer."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from typing import Final, NamedTuple
from uuid import UUID

import msgspec

from ledger.anomalies.day_spikes import WINDOW_DAYS, UsualRange, history_days, usual_range
from ledger.anomalies.lists import AnomalyRow
from ledger.calls.call import decode_costs_by_service
from ledger.postgres.database import Record
from ledger.postgres.functions import reads
from ledger.postgres.viewers import ReaderPool, Viewer

_READS: Final = reads("anomalies/lists")
_cost_by_day: Final = msgspec.json.Decoder(dict[date, int])


class AnomalyDetails(NamedTuple):
    """An anomaly and its costs in nano-dollars.

    `services` are the costs of its call by service, None for a day and for a removed call. `days`
    are the compared days in order, with the anomaly's day last, empty for a call.
    """

    anomaly: AnomalyRow
    services: Mapping[str, int] | None
    days: Mapping[date, int]
    usual: UsualRange | None


async def read_anomaly(
    readers: ReaderPool, viewer: Viewer, user_id: str, anomaly_id: UUID
) -> AnomalyDetails | None:
    """Return an anomaly; None if the viewer has no such anomaly.

    Raises StoreUnavailableError.
    """
    statement = _READS.bind(
        "of_id",
        user_id=user_id,
        anomaly_id=anomaly_id,
        window_days=WINDOW_DAYS,
        **viewer.parameters,
    )
    rows = await readers.read(viewer, *statement)
    return _details(rows[0]) if rows else None


def _details(row: Record) -> AnomalyDetails:
    anomaly = AnomalyRow(*(row[name] for name in AnomalyRow._fields))
    costs = row["call_costs"]
    services = None if costs is None else decode_costs_by_service(costs)
    if row["day_costs"] is None:
        return AnomalyDetails(anomaly, services, {}, None)
    by_day, day = _cost_by_day.decode(row["day_costs"]), row["day"]
    before = history_days(row["first_day"] or day, day)
    past = {earlier: by_day.get(earlier, 0) for earlier in before}
    cost_nano = by_day.get(day, 0) - row["explained_nano"]
    return AnomalyDetails(
        anomaly, services, {**past, day: cost_nano}, usual_range([*past.values()])
    )
