"""Compares the newest records of the totals topic with the calls in the database."""

import json
from decimal import Decimal
from typing import Any

from schemas.topics import CALL_TOTALS
from tests.support.recording import fetch
from tests.support.streaming import Pipeline

_CALLS = """
SELECT call_id, status, (SELECT max(epoch) FROM ledger_epochs) * 4194304 + version AS version,
       (SELECT coalesce(sum(service.value::numeric), 0)
        FROM jsonb_each(costs::jsonb) AS day, jsonb_each_text(day.value) AS service) AS cost_nano,
       (SELECT coalesce(sum((day.value ->> 0)::numeric), 0) FROM jsonb_each(charges) AS day) AS charged_nano
FROM calls WHERE user_id IS NOT NULL
"""


async def topic_totals(pipeline: Pipeline) -> dict[str, dict[str, Any] | None]:
    """Return the newest total of each call on the topic, None for a tombstone."""
    newest: dict[str, dict[str, Any] | None] = {}
    for record in await pipeline.read_all(CALL_TOTALS.name):
        value = record.value
        newest[record.key.decode()] = value and json.loads(value, parse_float=Decimal)
    return newest


async def topic_differences(pipeline: Pipeline) -> list[str]:
    """Return each call for which topic and database differ."""
    topic = {
        call: (total["status"], total["version"], total["totalCost"], total["chargedToUser"])
        for call, total in (await topic_totals(pipeline)).items()
        if total is not None
    }
    database = {
        row["call_id"]: (
            row["status"],
            row["version"],
            row["cost_nano"] / 10**9,
            row["charged_nano"] / 10**9,
        )
        for row in await fetch(pipeline.database_url, _CALLS)
    }
    return [
        f"{call}: the topic has {topic.get(call)}, the database {database.get(call)}"
        for call in sorted(topic.keys() | database.keys())
        if topic.get(call) != database.get(call)
    ]
