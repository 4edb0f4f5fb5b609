"""From an event to the alert on a socket: worker, topics and feed as production joins them."""

from schemas.topics import ALL_TOPICS
from tests.support.api import token
from tests.support.events import charged, cost
from tests.support.live import ago, world_on
from tests.support.streaming import Stage


async def test_a_threshold_is_crossed_and_the_socket_says_so(stage: Stage) -> None:
    assert {topic.name for topic in ALL_TOPICS} >= {"cost.budget-alerts.v1"}
    async with (
        world_on(stage.bootstrap, stage.database_url, idempotent=stage.idempotent) as world,
        stage.worker(),
        world.replica() as replica,
    ):
        path = "/api/costs/user/alice/budget"
        changed = await replica.ask(
            "PUT", path, bearer=token("alice"), body={"dailyLimit_usd": 5, "timezone": "UTC"}
        )
        assert changed.status == 200
        async with replica.listening() as heard, replica.listening("bob") as other:
            await heard.next("snapshot")
            await other.next("snapshot")
            await stage.send([cost("c1", time=ago(seconds=2)), charged("c1", time=ago(seconds=1))])
            [alert] = await heard.alerts(1)
            assert (alert["userId"], alert["type"], alert["limit_usd"]) == ("alice", "daily", 5)
            await heard.until("c1")
            while (budget := await heard.next("budget"))["budget"]["alertTriggered"] is not True:
                pass
            assert budget["budget"]["userId"] == "alice"
            await other.say(type="ping")
            assert (await other.next())["type"] == "pong"
            assert [message["type"] for message in other.messages] == ["snapshot", "pong"]
