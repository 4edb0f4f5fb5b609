"""From an event to the alert on a socket, through worker, topics and feed."""

from schemas.topics import ALL_TOPICS
from tests.support.api import token
from tests.support.events import charged, cost
from tests.support.live import ago, live_system
from tests.support.streaming import Pipeline


async def test_crossed_threshold_reaches_the_socket(pipeline: Pipeline) -> None:
    assert {topic.name for topic in ALL_TOPICS} >= {"cost.budget-alerts.v1"}
    async with (
        live_system(
            pipeline.bootstrap, pipeline.database_url, idempotent=pipeline.idempotent
        ) as system,
        pipeline.worker(),
        system.replica() as replica,
    ):
        path = "/api/costs/user/alice/budget"
        changed = await replica.ask(
            "PUT", path, bearer=token("alice"), body={"dailyLimit_usd": 5, "timezone": "UTC"}
        )
        assert changed.status == 200
        async with replica.listening() as client, replica.listening("bob") as other:
            await client.next("snapshot")
            await other.next("snapshot")
            await pipeline.send(
                [cost("c1", time=ago(seconds=2)), charged("c1", time=ago(seconds=1))]
            )
            [alert] = await client.alerts(1)
            assert (alert["userId"], alert["type"], alert["limit_usd"]) == ("alice", "daily", 5)
            await client.until("c1")
            while (budget := await client.next("budget"))["budget"]["alertTriggered"] is not True:
                pass
            assert budget["budget"]["userId"] == "alice"
            await other.send(type="ping")
            assert (await other.next())["type"] == "pong"
            assert [message["type"] for message in other.messages] == ["snapshot", "pong"]
