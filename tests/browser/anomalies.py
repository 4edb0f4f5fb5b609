"""Looks for anomalies in calls that were just recorded, as if some time had passed since."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

from ledger.anomalies.detection import AnomalyDetector
from ledger.anomalies.rows import anomaly_store


async def look(database_url: str, call_ids: Sequence[str]) -> None:
    """Judge calls an hour from now: by then all of their costs should have come."""
    later = datetime.now(UTC) + timedelta(hours=1)
    async with anomaly_store(database_url) as store, store.transaction() as connection:
        await AnomalyDetector().check_calls(connection, call_ids, later)
