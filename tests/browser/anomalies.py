"""Checks recently recorded calls for anomalies, as if some time had passed."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

from ledger.anomalies.detection import AnomalyDetector
from ledger.anomalies.rows import anomaly_store


async def check_for_anomalies(database_url: str, call_ids: Sequence[str]) -> None:
    """Check calls as an hour from now, when all of their costs should have arrived."""
    later = datetime.now(UTC) + timedelta(hours=1)
    async with anomaly_store(database_url) as store, store.transaction() as connection:
        await AnomalyDetector().check_calls(connection, call_ids, later)
