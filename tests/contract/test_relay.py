"""Relays that share an outbox publish each message once and in order, on every broker."""

import asyncio
import json
from collections import defaultdict

import pytest

from ledger.budgets.alert_messages import alert_event
from ledger.budgets.alert_rows import BUDGET_ALERT
from ledger.postgres.database import Connection, connect
from messaging.kafka import make_producer
from messaging.producer import RecoveringProducer
from schemas.jsonio import encode
from schemas.topics import BUDGET_ALERTS
from streams.publishing import relay as relay_module
from streams.publishing.relay import MESSAGES_MAX, OutboxRelay
from tests.support.alerting import an_alert
from tests.support.recording import fetch, until
from tests.support.streaming import Pipeline

MESSAGES, USERS, RELAYS = 4 * MESSAGES_MAX + 100, 7, 3

FILL = """
INSERT INTO outbox (id, aggregatetype, aggregateid, type, payload)
SELECT gen_random_uuid(), $1, 'user-' || number % $4, 'budget.threshold.reached',
       jsonb_set($2::text::jsonb, '{data,number}', to_jsonb(number))::text
FROM generate_series(1, $3) AS number
"""


async def test_several_rounds_of_messages_are_published_once_and_in_order(
    pipeline: Pipeline, monkeypatch: pytest.MonkeyPatch
) -> None:
    """All relays wake at once; the one that holds the lock empties the outbox."""
    monkeypatch.setattr(relay_module, "POLL_SECONDS", 3_600)

    async def connection() -> Connection:
        return await connect(pipeline.database_url, name="relay")

    payload = encode(alert_event(an_alert())).decode()
    await fetch(pipeline.database_url, FILL, BUDGET_ALERT, payload, MESSAGES, USERS)
    producings = [RecoveringProducer(lambda: make_producer(pipeline.kafka)) for _ in range(RELAYS)]
    relays = [OutboxRelay(producing, connection) for producing in producings]
    stop = asyncio.Event()
    running = asyncio.gather(*(relay.run(stop) for relay in relays))
    for relay in relays:
        relay.wake()

    async def is_empty() -> bool:
        return not await fetch(pipeline.database_url, "SELECT FROM outbox")

    await until(is_empty)
    stop.set()
    for relay in relays:
        relay.wake()
    await running
    await asyncio.gather(*(producing.close() for producing in producings))
    published: defaultdict[bytes | None, list[int]] = defaultdict(list)
    for record in await pipeline.read_all(BUDGET_ALERTS.name):
        published[record.key].append(json.loads(record.value)["data"]["number"])
    expected = {
        f"user-{user}".encode(): list(range(user or USERS, MESSAGES + 1, USERS))
        for user in range(USERS)
    }
    assert published == expected
