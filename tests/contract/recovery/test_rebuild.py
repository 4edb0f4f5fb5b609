"""Totals corrected by `rebuild` reach the totals topic and open sockets."""

from decimal import Decimal

from ledger.operations.verification import rebuild, verify
from tests.support import parts
from tests.support.events import cost, started
from tests.support.live import live_system
from tests.support.product_processes import now
from tests.support.published import topic_differences, topic_totals
from tests.support.recording import fetch, until
from tests.support.streaming import Pipeline


async def _damage(pipeline: Pipeline) -> None:
    """Add 999 USD to a call, and add a call without any event."""
    await fetch(
        pipeline.database_url,
        """UPDATE calls SET costs = jsonb_set(costs::jsonb, ARRAY[day, 'twilio'], '1000000000000')::text
           FROM (SELECT jsonb_object_keys(costs::jsonb) AS day FROM calls LIMIT 1) AS d
           WHERE call_id = 'call-1'""",
    )
    await fetch(
        pipeline.database_url,
        """INSERT INTO calls (call_id, user_id, first_at, version, updated_at)
           VALUES ('call-9', 'alice', now(), 1, now())""",
    )
    await fetch(
        pipeline.database_url,
        """INSERT INTO totals_outbox (worker_id, call_ids, created_at)
           VALUES ('gone', ARRAY['call-1', 'call-9'], now() - interval '1 hour')""",
    )


async def test_rebuild_corrects_topic_and_sockets(pipeline: Pipeline) -> None:
    events = [started(**now()), *(cost(**now(), totalCost="1.40") for _ in range(2))]
    async with (
        live_system(pipeline.bootstrap, pipeline.database_url) as system,
        system.replica() as replica,
        pipeline.worker() as worker,
        replica.listening() as client,
    ):
        await client.next("snapshot")
        await pipeline.send(events)
        await pipeline.until_counted(len(events), worker)
        await client.until("call-1", totalCost=Decimal("2.835"))
        await _damage(pipeline)

        async def is_wrong() -> bool:
            totals = await topic_totals(pipeline)
            return "call-9" in totals

        await until(is_wrong)
        wrong = (await topic_totals(pipeline))["call-1"]
        assert wrong is not None
        assert wrong["totalCost"] > 1000

        await rebuild(pipeline.database_url)

        async def is_right() -> bool:
            return not await topic_differences(pipeline)

        try:
            await until(is_right, 40)
        finally:
            differences = await topic_differences(pipeline)
            parts.figures.append(
                f"rebuild with {pipeline.broker}: topic vs database {len(differences)} differences "
                f"{differences}"
            )
        assert (await topic_totals(pipeline))["call-9"] is None
        assert (await verify(pipeline.database_url)).differences == 0
        while "call-9" in client.calls or client.calls["call-1"]["totalCost"] > 1000:
            await client.next()
