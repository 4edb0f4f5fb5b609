"""What vendors report is counted exactly once, at the vendor's cost."""

import random
from collections.abc import Iterable, Sequence
from copy import deepcopy
from decimal import Decimal
from typing import Any

from api.intake.event_stream import OutgoingEvent
from tests.support.api import ApiClient, token
from tests.support.fault_table import FaultRecorder
from tests.support.intake import MemoryEventStream
from tests.support.recording import BatchWriter, TopicLog, assert_verified, codes, fetch
from tests.support.webhooks import (
    ROOT,
    deliver,
    form,
    json_query,
    make_endpoint,
    packed,
    recorded,
)

DELIVERIES, REPEATED = 1_000, 300
DAY = {"replayWindow_seconds": 86_400}


async def count(database_url: str, events: Sequence[OutgoingEvent]) -> TopicLog:
    """Record events as a worker does, in batches."""
    log = TopicLog()
    async with BatchWriter(database_url) as writer:
        for start in range(0, len(events), 400):
            await writer.record(log.batch([e.value for e in events[start : start + 400]]))
    return log


async def costs(database_url: str) -> dict[tuple[str, str], Decimal]:
    """Return the counted costs in US dollars, by service and operation."""
    query = """SELECT service, operation, sum(cost_nano) AS nano FROM counted_costs GROUP BY 1, 2"""
    return {
        (row["service"], row["operation"]): Decimal(int(row["nano"])).scaleb(-9)
        for row in await fetch(database_url, query)
    }


async def reported(
    api: ApiClient,
    database_url: str,
    stream: MemoryEventStream,
    provider: str,
    names: Iterable[str],
) -> dict[tuple[str, str], Decimal]:
    """Deliver recorded bodies twice each; returns the counted costs."""
    endpoint = await make_endpoint(api, provider, **DAY)
    for name in [*names, *names]:
        answer = await deliver(api, endpoint, packed(recorded(name)), query="?userId=alice")
        assert answer.status == 200, answer.body
    await count(database_url, stream.events)
    assert await codes(database_url) == []
    await assert_verified(database_url)
    return await costs(database_url)


async def test_vapi_counts_its_costs_and_prices_own_keys(
    api: ApiClient, database_url: str, stream: MemoryEventStream
) -> None:
    counted = await reported(api, database_url, stream, "vapi", ["vapi-end-of-call-report"])
    assert counted == {
        ("twilio", "outbound_call"): Decimal("0.049"),
        ("deepgram", "streaming_stt"): Decimal("0.0208"),
        ("openai", "inference"): Decimal("0.0725"),
        ("elevenlabs", "tts"): 812 * Decimal("0.15") / 1000,
        ("vapi", "vapi"): Decimal("0.0698"),
    }
    call = recorded("vapi-end-of-call-report")["message"]["call"]
    events = (await api.get(f"/api/costs/call/{call['id']}/events?limit=50", "alice")).data[
        "events"
    ]
    listed = {e["service"]: e["listCost"] for e in events if e["type"] == "cost.recorded"}
    assert listed == {
        "twilio": Decimal("0.049"),  # 3.5 minutes
        "deepgram": Decimal("0.02055147"),  # 3.4833 minutes
        "openai": None,  # the catalogue has no price for cached tokens
        "elevenlabs": None,  # on own keys: the catalogue's price counts
        "vapi": None,
    }
    report = (await api.ask("GET", "/api/admin/reconciliation", bearer=ROOT)).data
    assert [(row["service"], row["costs"], row["variance"]) for row in report["listPrices"]] == [
        ("deepgram", 1, Decimal("0.00024853")),
        ("twilio", 1, 0),
    ]
    path = f"/api/costs/call/{call['id']}"
    body = (await api.get(path, "alice")).data
    assert (body["status"], body["userId"]) == ("completed", "alice")
    service = token("cutoffs", role="service")
    vendor = (await api.ask("GET", f"{path}/provider", bearer=service)).data
    assert vendor == {
        "callId": call["id"],
        "provider": "vapi",
        "providerCallId": call["id"],
        "controlUrl": call["monitor"]["controlUrl"],
    }
    for bearer in (token("alice"), token("bob")):
        assert (await api.ask("GET", f"{path}/provider", bearer=bearer)).status == 403
    for shown in (f"{path}/events", "/api/costs/user/alice/export.csv?type=events"):
        for user, role in (("alice", "user"), ("root", "admin")):
            answer = await api.ask("GET", shown, bearer=token(user, role=role))
            assert answer.status == 200
            assert b"/control" not in answer.body


async def test_retell_counts_cents_once_and_replaces_its_estimate(
    api: ApiClient, database_url: str, stream: MemoryEventStream
) -> None:
    analyzed = recorded("retell-call-analyzed")
    ended = deepcopy(analyzed) | {"event": "call_ended"}
    ended["call"]["call_cost"]["combined_cost"] = Decimal("40.1")
    del ended["call"]["call_analysis"]
    endpoint = await make_endpoint(api, "retell")
    for body in (analyzed, ended, analyzed, {**ended, "event": "call_started"}, ended):
        assert (await deliver(api, endpoint, packed(body))).status == 200
    await count(database_url, stream.events)
    assert await costs(database_url) == {
        ("retell", "elevenlabs_tts"): Decimal("0.245583"),
        ("retell", "gpt_4o"): Decimal("0.175417"),
        ("retell", "us_telephony"): Decimal("0.052625"),
    }
    await assert_verified(database_url)


async def test_telnyx_and_elevenlabs_count_their_parts(
    api: ApiClient, database_url: str, stream: MemoryEventStream
) -> None:
    names = [f"telnyx-call-{kind}" for kind in ("cost", "hangup", "initiated", "analyzed")]
    await reported(api, database_url, stream, "telnyx", names)
    [session] = {event.call_id for event in stream.decoded()}
    assert session == recorded("telnyx-call-cost")["data"]["payload"]["call_session_id"]
    stream.events.clear()
    counted = await reported(
        api, database_url, stream, "elevenlabs", ["elevenlabs-post-call-transcription"]
    )
    assert counted == {
        ("telnyx", "call_control"): Decimal("0.0080"),
        ("telnyx", "sip_trunking"): Decimal("0.0043"),
        ("telnyx", "ai_voice_assistant"): Decimal("0.1742"),
        ("telnyx", "inference"): Decimal("0.0458"),
        ("elevenlabs", "agent_llm"): Decimal("0.0005879"),
        ("elevenlabs", "agent"): Decimal("0.2868121"),
    }


async def test_deepgram_audio_is_priced_by_the_catalogue(
    api: ApiClient, database_url: str, stream: MemoryEventStream
) -> None:
    counted = await reported(api, database_url, stream, "deepgram", ["deepgram-callback"])
    assert counted == {("deepgram", "prerecorded_stt"): Decimal("0.001858554")}


async def test_late_price_of_twilio_replaces_the_estimate_in_any_order(
    api: ApiClient, database_url: str, stream: MemoryEventStream
) -> None:
    endpoint = await make_endpoint(api, "twilio", **DAY)
    ended, price = form(recorded("twilio-completed")), packed(recorded("twilio-call-resource"))
    late = packed({**recorded("twilio-call-resource"), "price": None})
    query = "?userId=alice"
    pending = await deliver(api, endpoint, late, query=json_query(late, f"{query}&"))
    assert "not know the price" in pending.data["ignored"]
    for body, of_body in ((ended, query), (price, json_query(price, f"{query}&"))):
        assert (await deliver(api, endpoint, body, query=of_body)).status == 200
    estimated = [e for e in stream.decoded() if getattr(e.data, "estimated", False)]
    assert len(estimated) == 1
    random.Random(7).shuffle(stream.events)
    await count(database_url, [*stream.events, *stream.events])
    assert await costs(database_url) == {("twilio", "outbound_call"): Decimal("0.026")}
    call = recorded("twilio-completed")["CallSid"]
    assert (await api.get(f"/api/costs/call/{call}", "alice")).data["estimated"] is False
    await assert_verified(database_url)


async def test_thousand_deliveries_with_repeats_count_once_each(
    api: ApiClient,
    database_url: str,
    stream: MemoryEventStream,
    record_fault: FaultRecorder,
) -> None:
    """A repeat may have other bytes: other spaces, another order of fields and of costs."""
    chosen = random.Random(21)
    endpoints = {name: await make_endpoint(api, name, **DAY) for name in ("vapi", "retell")}
    bodies: list[tuple[str, Any]] = []
    expected = 0
    for number in range(DELIVERIES - REPEATED):
        provider = chosen.choice(["vapi", "retell"])
        body, nano = _report(provider, number, chosen)
        bodies.append((provider, body))
        expected += nano
    repeated = [(name, _rewritten(body, chosen)) for name, body in chosen.sample(bodies, REPEATED)]
    sent = [*bodies, *repeated]
    chosen.shuffle(sent)
    for provider, body in sent:
        answer = await deliver(api, endpoints[provider], packed(body))
        assert answer.status == 200, answer.body
    chosen.shuffle(stream.events)
    await count(database_url, stream.events)
    [row] = await fetch(
        database_url,
        """SELECT count(DISTINCT call_id) AS calls, sum(cost_nano) AS nano,
                  (SELECT count(*) FROM dead_letters) AS refused FROM counted_costs""",
    )
    record_fault(
        f"{DELIVERIES} webhooks, {REPEATED} of them repeats, in random order",
        sent=DELIVERIES - REPEATED,
        counted=row["calls"],
        difference=abs(int(row["nano"]) - expected),
    )
    assert (row["calls"], int(row["nano"]), row["refused"]) == (len(bodies), expected, 0)
    await assert_verified(database_url)


def _report(provider: str, number: int, chosen: random.Random) -> tuple[Any, int]:
    """Return a report of a call with random costs, and their sum in nano-dollars."""
    if provider == "vapi":
        body = recorded("vapi-end-of-call-report")
        body["message"]["call"]["id"] = f"vapi-call-{number}"
        costs = body["message"]["costs"] = body["message"]["costs"][:3]
        for item in costs:
            item["cost"] = Decimal(chosen.randint(1, 10**6)).scaleb(-6)
        return body, sum(int(item["cost"] * 10**9) for item in costs)
    body = recorded("retell-call-analyzed")
    body["call"]["call_id"] = f"retell-call-{number}"
    cost = body["call"]["call_cost"]
    for item in cost["product_costs"]:
        item["cost"] = Decimal(chosen.randint(1, 10**6)).scaleb(-4)
    cost["combined_cost"] = sum(item["cost"] for item in cost["product_costs"])
    return body, int(cost["combined_cost"] * 10**7)


def _rewritten(body: Any, chosen: random.Random) -> Any:
    """Return the same facts with fields and items in another order."""
    if isinstance(body, dict):
        items = list(body.items())
        chosen.shuffle(items)
        return {name: _rewritten(value, chosen) for name, value in items}
    if isinstance(body, list):
        values = [_rewritten(value, chosen) for value in body]
        chosen.shuffle(values)
        return values
    return body


async def test_held_calls_are_listed_and_assigned_once(
    api: ApiClient, database_url: str, stream: MemoryEventStream, record_fault: FaultRecorder
) -> None:
    endpoint = await make_endpoint(api, "retell")
    body = recorded("retell-call-analyzed")
    body["call"]["metadata"] = {}
    call_id = body["call"]["call_id"]
    await deliver(api, endpoint, packed(body))
    await count(database_url, stream.events)
    assert await costs(database_url) == {}
    held = (await api.ask("GET", "/api/admin/held-calls", bearer=ROOT)).data
    assert held["nextCursor"] is None
    [shown] = held["calls"]
    assert (shown["callId"], shown["events"]) == (call_id, len(stream.events))
    assert shown["sources"] == ["/api/webhooks/retell"]
    assign = f"/api/admin/held-calls/{call_id}/assign"
    sent = len(stream.events)
    for _ in range(2):
        answer = await api.ask("POST", assign, bearer=ROOT, body={"userId": "alice"})
        assert answer.status == 202
    await deliver(api, endpoint, packed(body))
    await count(database_url, stream.events)
    total = sum((await costs(database_url)).values())
    body = (await api.get(f"/api/costs/call/{call_id}", "alice")).data
    [row] = await fetch(
        database_url, "SELECT count(*) FROM call_cost_events WHERE source = '/api/webhooks/retell'"
    )
    record_fault(
        "webhook without a user, assigned twice and repeated",
        sent=sent,
        counted=row[0],
        difference=int(abs(total - Decimal("0.473625")) * 10**9),
    )
    assert (body["userId"], row[0]) == ("alice", sent)
    assert await codes(database_url) == []
    assert (await api.ask("GET", "/api/admin/held-calls", bearer=ROOT)).data["calls"] == []
    unknown = await api.ask("POST", assign, bearer=ROOT, body={"userId": "bob"})
    assert (unknown.status, unknown.code) == (404, "not_found")
    await assert_verified(database_url)
