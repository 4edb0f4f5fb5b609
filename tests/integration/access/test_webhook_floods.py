"""Deliveries of others to a vendor's endpoint, whose address is no secret."""

from api.http.options import ApiOptions, RequestLimits
from tests.support.api import served_from
from tests.support.attacks import OTHER_ADDRESS, AttackRecorder, client_at, other_client
from tests.support.intake import MemoryEventStream
from tests.support.webhooks import deliver, make_endpoint, packed, recorded

FORGED = 50
LIMITS = RequestLimits(requests_per_second=1, burst=3)


async def test_forged_deliveries_do_not_use_up_the_rate_of_a_vendor(
    database_url: str, record_attack: AttackRecorder
) -> None:
    stream, options = MemoryEventStream(), ApiOptions(limits=LIMITS)
    body = packed(recorded("retell-call-analyzed"))
    async with (
        served_from(database_url, events=stream, options=options) as api,
        client_at(OTHER_ADDRESS) as session,
    ):
        endpoint = await make_endpoint(api, "retell")
        attacker = other_client(session, api)
        forged = [await deliver(attacker, endpoint, body, secret="wrong") for _ in range(FORGED)]
        assert {answer.status for answer in forged} <= {401, 429}
        assert not stream.events
        signed = [await deliver(api, endpoint, body) for _ in range(LIMITS.burst)]
        further = [await deliver(api, endpoint, body) for _ in range(20)]
    assert 429 in {answer.status for answer in further}
    record_attack(
        "webhooks: forged deliveries to the endpoint of a vendor",
        attempts=len(forged),
        refused=len(forged),
        victims=len(signed),
        breaches=sum(answer.status != 200 for answer in signed),
    )
