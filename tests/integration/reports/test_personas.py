"""The personas of a user's spending are those with calls or costs."""

from datetime import UTC, datetime, timedelta

from tests.support.api import served_from
from tests.support.events import cost, started
from tests.support.recording import Desk, Log


async def test_a_persona_whose_only_call_turned_out_to_be_anothers_is_not_listed(
    database_url: str,
) -> None:
    """A cost names a persona before the start of the call names the true one."""
    at = datetime.now(UTC) - timedelta(minutes=5)
    async with Desk(database_url) as desk:
        await desk.record(Log().batch([cost("call-1", personaId="guessed", time=at)]))
        await desk.record(Log().batch([started("call-1", persona="true", time=at)]))
    async with served_from(database_url) as api:
        personas = (await api.get("/api/costs/user/alice/spending", "alice")).data["topPersonas"]
    assert [(one["personaId"], one["calls"]) for one in personas] == [("true", 1)]
