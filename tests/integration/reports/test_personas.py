"""A user's spending lists the personas with calls or costs."""

from datetime import UTC, datetime, timedelta

from tests.support.api import served_from
from tests.support.events import cost, started
from tests.support.recording import BatchWriter, TopicLog


async def test_persona_without_calls_or_costs_is_not_listed(
    database_url: str,
) -> None:
    """A cost names a persona before the start of the call names the correct one."""
    at = datetime.now(UTC) - timedelta(minutes=5)
    async with BatchWriter(database_url) as writer:
        await writer.record(TopicLog().batch([cost("call-1", personaId="guessed", time=at)]))
        await writer.record(TopicLog().batch([started("call-1", persona="true", time=at)]))
    async with served_from(database_url) as api:
        personas = (await api.get("/api/costs/user/alice/spending", "alice")).data["topPersonas"]
    assert [(one["personaId"], one["calls"]) for one in personas] == [("true", 1)]
