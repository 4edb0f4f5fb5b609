"""The HTTP intake of the quantities of one request."""

from decimal import Decimal
from typing import Any

from schemas.events import CostRecorded
from schemas.usages import Usage
from tests.support.api import served
from tests.support.intake import NOW, TRACK, MemoryEventStream, identities, send

BODY: dict[str, Any] = {
    "callId": "call-1",
    "userId": "alice",
    "service": "openai",
    "operation": "inference",
    "timestamp": NOW.isoformat(),
}


async def test_quantities_of_one_request_are_tracked_in_any_order() -> None:
    usages = [{"unit": "prompt_tokens", "quantity": 7}, {"unit": "output_tokens", "quantity": 2.5}]
    stream = MemoryEventStream()
    async with served(events=stream) as api:
        for order in (usages, usages[::-1]):
            assert (await send(api, TRACK, {**BODY, "usages": order})).status == 202
        mixed = await send(
            api, TRACK, {**BODY, "usages": usages, "usageAmount": 1, "usageUnit": "min"}
        )
    assert len(identities(stream)) == 1
    data = stream.decoded()[0].data
    assert isinstance(data, CostRecorded)
    assert data.usages == [Usage("input_tokens", 7), Usage("output_tokens", Decimal("2.5"))]
    assert (mixed.status, mixed.code) == (400, "invalid_event")
    assert "`usageAmount` and `usageUnit`" in mixed.json["error"]
